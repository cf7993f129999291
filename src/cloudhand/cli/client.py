"""Speak to a control plane through its public API, as any SDK would: signed V3 requests."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloudhand.wire import signature

VERSION = "2014-05-26"
_TIMEOUT = 30  # seconds
_EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class ClientError(Exception):
    """One sentence that names the thing and the next step."""


class ApiError(ClientError):
    """The control plane refused a request."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a control plane is, and who asks."""

    url: str
    region_id: str
    access_key_id: str
    access_key_secret: str
    ca: str = ""  # path of a PEM file

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def pointer() -> Path:
    """The file in which `up` and `serve` say where the newest control plane of this user is."""
    base = os.environ.get("XDG_RUNTIME_DIR") or str(Path("~/.local/state").expanduser())
    return Path(base) / "cloudhand" / "current"


def find_endpoint(state: Path | None = None) -> Endpoint:
    """The control plane of a state directory, of the environment, or the newest; ClientError."""
    if state is None and os.environ.get("CLOUDHAND_ENDPOINT"):
        return _from_environment()
    if state is None:
        try:
            state = Path(pointer().read_text())
        except OSError:
            raise ClientError(
                "cannot find a control plane: start one with `cloudhand up`, or name its state"
                " directory with --state"
            ) from None
    try:
        values = json.loads((state / "endpoint.json").read_text())
    except OSError:
        raise ClientError(
            f"cannot find a running control plane in {state}: start one with"
            f" `cloudhand serve --state {state}`"
        ) from None
    return Endpoint(
        url=values["url"],
        region_id=values["region"],
        access_key_id=values["accessKeyId"],
        access_key_secret=values["accessKeySecret"],
        ca=values["ca"],
    )


def _from_environment() -> Endpoint:
    try:
        return Endpoint(
            url=os.environ["CLOUDHAND_ENDPOINT"],
            region_id=os.environ.get("ALIBABA_CLOUD_REGION_ID", "cn-hangzhou"),
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            ca=os.environ.get("CLOUDHAND_CA", ""),
        )
    except KeyError as missing:
        raise ClientError(
            f"cannot use CLOUDHAND_ENDPOINT without {missing.args[0]}: set it too"
        ) from None


class Client:
    """One connection, kept open. Not for several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._connection: http.client.HTTPConnection | None = None

    def call(self, action: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Call an operation; lists and dicts are flattened. ApiError, or ClientError."""
        pairs = [("RegionId", self.endpoint.region_id), *_flat(parameters or {})]
        headers = self._signed(action, pairs)
        answer = self._send("/?" + urlencode(pairs), headers)
        body: dict[str, Any] = json.loads(answer[1])
        if answer[0] != 200:
            raise ApiError(body.get("Code", "Unknown"), body.get("Message", ""), answer[0])
        return body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, target: str, headers: dict[str, str]) -> tuple[int, bytes]:
        for attempt in (1, 2):
            fresh = self._connection is None
            connection = self._connection = self._connection or self._connect()
            try:
                connection.request("POST", target, headers=headers)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may have been closed while it was idle.
                if fresh or attempt == 2:
                    raise ClientError(
                        f"cannot reach the control plane at {self.endpoint.url}: {error};"
                        " is it running?"
                    ) from error
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint.url)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.endpoint.ca or None)
            return http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=context)
        return http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)

    def _signed(self, action: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
        headers = {
            "host": self.endpoint.host,
            "x-acs-action": action,
            "x-acs-content-sha256": _EMPTY_HASH,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": os.urandom(16).hex(),
            "x-acs-version": VERSION,
        }
        names = sorted(headers)
        canonical = signature.v3_canonical_request("POST", pairs, headers, names, _EMPTY_HASH)
        mac = signature.v3_signature(
            self.endpoint.access_key_secret, signature.v3_string_to_sign(canonical)
        )
        headers["Authorization"] = (
            f"{signature.V3_ALGORITHM} Credential={self.endpoint.access_key_id},"
            f"SignedHeaders={';'.join(names)},Signature={mac}"
        )
        headers["accept"] = "application/json"
        return headers


def _flat(value: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        yield from _flat_one(prefix + name, one)


def _flat_one(name: str, value: object) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, Mapping):
        yield from _flat(value, name + ".")
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value, start=1):
            yield from _flat_one(f"{name}.{number}", item)
    else:
        yield name, str(value)
