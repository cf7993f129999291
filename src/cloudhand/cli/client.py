"""Speak to a control plane through its public API, as any SDK would: signed V3 requests."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloudhand.cli import pointer
from cloudhand.wire import rpc, signature

VERSION = "2014-05-26"
_TIMEOUT = 30  # seconds
_EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class ClientError(Exception):
    """One sentence that names the thing and the next step."""

    exit_code = 3  # the control plane refused, or could not be reached


class Mistake(ClientError):
    """What was asked for cannot be meant."""

    exit_code = 2


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


def find_endpoint(state: Path | None = None, url: str = "") -> Endpoint:
    """The control plane that is named; else of the environment; else the newest. ClientError."""
    if state is None:
        url = url or os.environ.get("CLOUDHAND_ENDPOINT", "")
        if url:
            return _of_environment(url)
        state = pointer.newest()
    elif url:
        raise Mistake("name the control plane by --state or by --endpoint, not by both")
    if state is None:
        raise ClientError(
            "cannot find a control plane: start one with `cloudhand up`, or name its state"
            " directory with --state"
        )
    return _of_state(state)


def _of_state(state: Path) -> Endpoint:
    try:
        values = json.loads((state / "endpoint.json").read_text())
    except PermissionError:
        raise ClientError(
            f"cannot read {state}/endpoint.json: it belongs to another user"
        ) from None
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


def _of_environment(url: str) -> Endpoint:
    if not urlsplit(url).scheme.startswith("http"):
        raise Mistake(f"cannot use the endpoint {url}: it begins with http:// or https://")
    try:
        return Endpoint(
            url=url,
            region_id=os.environ.get("ALIBABA_CLOUD_REGION_ID", "cn-hangzhou"),
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            ca=os.environ.get("CLOUDHAND_CA", ""),
        )
    except KeyError as missing:
        raise Mistake(f"cannot use {url} without {missing.args[0]}: set it, too") from None


class Client:
    """One connection, kept open. Not for several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._connection: http.client.HTTPConnection | None = None

    def call(self, action: str, parameters: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Call an operation; lists and dicts are flattened. ApiError, or ClientError.

        It may be sent twice if a kept connection breaks: give a ClientToken where that matters.
        """
        wanted = {"RegionId": self.endpoint.region_id, **(parameters or {})}
        pairs = list(rpc.flatten(wanted).items())
        status, content = self._send(action, pairs)
        try:
            body: dict[str, Any] = json.loads(content)
        except ValueError:
            raise ClientError(
                f"what answers at {self.endpoint.url} is no Cloudhand control plane: check the"
                " address"
            ) from None
        if status != 200:
            raise ApiError(body.get("Code", "Unknown"), body.get("Message", ""), status)
        return body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, action: str, pairs: list[tuple[str, str]]) -> tuple[int, bytes]:
        kept = self._connection is not None
        try:
            return self._exchange(action, pairs)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not kept:
                raise self._unreachable(error) from error
        # A kept connection may have been closed while it was idle.
        try:
            return self._exchange(action, pairs)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from error

    def _exchange(self, action: str, pairs: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Send once, with a signature of its own: the server refuses one that it has seen."""
        if self._connection is None:
            self._connection = self._connect()
        target = "/?" + urlencode(pairs)
        self._connection.request("POST", target, headers=self._signed(action, pairs))
        response = self._connection.getresponse()
        return response.status, response.read()

    def _unreachable(self, error: Exception) -> ClientError:
        return ClientError(
            f"cannot reach the control plane at {self.endpoint.url} ({error}): is it running?"
        )

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
