"""Speak to a control plane through its public API, as any SDK would: signed V3 requests."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from cloudhand.cli.endpoint import Endpoint, starting
from cloudhand.cli.errors import ApiError, ClientError, Mistake, Unreachable
from cloudhand.wire import rpc, signature

ECS = "2014-05-26"  # products, by their versions
OOS = "2019-06-01"
RAM = "2015-05-01"
STS = "2015-04-01"
_TIMEOUT = 30  # seconds
_OF_KEYS = ("InvalidAccessKeyId.", "SignatureDoesNotMatch")  # codes of refusals
_EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, kw_only=True)
class _Action:
    name: str
    version: str  # of its product


class Client:
    """One connection, kept open. Not for several threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self, action: str, parameters: Mapping[str, object] | None = None, *, version: str = ECS
    ) -> dict[str, Any]:
        """Call an operation; lists and dicts are flattened. ApiError, or ClientError.

        It may be sent twice if a kept connection breaks: give a ClientToken where that matters.
        """
        wanted = {"RegionId": self.endpoint.region_id, **(parameters or {})}
        pairs = list(rpc.flatten(wanted).items())
        status, content = self._send(_Action(name=action, version=version), pairs)
        try:
            body: dict[str, Any] = json.loads(content)
        except ValueError:
            raise ClientError(
                f"what answers at {self.endpoint.url} is no Cloudhand control plane: check the"
                " address"
            ) from None
        if status != 200:
            raise self._refused(body.get("Code", "Unknown"), body.get("Message", ""), status)
        return body

    def fetch(self, path: str, *, host: str = "") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of what is answered, unsigned; ClientError.

        ``host``: by which name it is called, else that of the endpoint.
        """
        connection = self._connect()
        try:
            connection.request("GET", path, headers={"Host": host} if host else {})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, action: _Action, pairs: list[tuple[str, str]]) -> tuple[int, bytes]:
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

    def _exchange(self, action: _Action, pairs: list[tuple[str, str]]) -> tuple[int, bytes]:
        """Send once, with a signature of its own: the server refuses one that it has seen."""
        if self._connection is None:
            self._connection = self._connect()
        target = "/?" + urlencode(pairs)
        self._connection.request("POST", target, headers=self._signed(action, pairs))
        # Whatever is raised while Python lets go of an open answer is lost, Ctrl-C among it.
        with self._connection.getresponse() as response:
            return response.status, response.read()

    def _refused(self, code: str, message: str, status: int) -> ApiError:
        whose = self.endpoint.key_from
        if whose and code.startswith(_OF_KEYS):
            message = f"{self.endpoint.url} does not know the access key of {whose}"
        return ApiError(code, message, status)

    def _unreachable(self, error: Exception) -> ClientError:
        url = self.endpoint.url
        match error:
            case ConnectionRefusedError() if self.endpoint.state:
                hint = f"it does not run any more: {starting(self.endpoint.state)}"
                return Unreachable(url, "connection refused", hint)
            case ConnectionRefusedError() if name := self.endpoint.profile:
                hint = f"is it running? It is that of the profile {name}, and --state names another"
                return Unreachable(url, "connection refused", hint)
            case ssl.SSLCertVerificationError():
                return _untrusted(url, error)
            case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
                plain = url.replace("https:", "http:", 1)
                return ClientError(f"what answers at {url} speaks no https: try {plain}")
            case http.client.RemoteDisconnected():
                hint = "is it running, and does it speak http and not https?"
                return Unreachable(url, "it hung up without an answer", hint)
            case OSError(strerror=str(told)) if told:
                why = told.lower()
            case _:
                why = str(error) or type(error).__name__
        return Unreachable(url, why)

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.endpoint.url)
        if parts.scheme != "https":
            return http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
        ca = self.endpoint.ca
        try:
            context = ssl.create_default_context(cafile=ca or None)
        except OSError as error:  # of ssl, too: what is in the file is no authority
            raise Mistake(f"cannot use the authority {ca}: {_why_not(error)}") from None
        return http.client.HTTPSConnection(parts.netloc, timeout=_TIMEOUT, context=context)

    def _signed(self, action: _Action, pairs: list[tuple[str, str]]) -> dict[str, str]:
        headers = {
            "host": self.endpoint.host,
            "x-acs-action": action.name,
            "x-acs-content-sha256": _EMPTY_HASH,
            "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": os.urandom(16).hex(),
            "x-acs-version": action.version,
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


def _untrusted(url: str, error: ssl.SSLCertVerificationError) -> ClientError:
    why = error.verify_message.rstrip(".")
    if "mismatch" in why:
        return ClientError(f"cannot trust {url}: its certificate is for another name ({why})")
    return ClientError(
        f"cannot trust the certificate of {url} ({why}): name its authority with --ca FILE; the"
        " control plane keeps it in tls/ca.pem of its state directory"
    )


def _why_not(error: OSError) -> str:
    return "it is no PEM file" if isinstance(error, ssl.SSLError) else str(error.strerror).lower()
