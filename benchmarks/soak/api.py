"""The cloud API as a stranger to this project calls it: the published signature, and plain HTTP.

Nothing of Cloudhand is imported here, so that what is checked is not what checks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

_VERSION = "2014-05-26"
_TIMEOUT = 30  # seconds
_PAGE = 50
_AGAIN_AFTER = 0.3  # seconds
_BUSY = ("Throttling", "ServiceUnavailable", "InternalError")


class Refused(Exception):
    """The control plane answered, and said no."""


class Unanswered(Exception):
    """Nobody knows whether it was heard."""


class Api:
    """Not for several threads."""

    def __init__(self, endpoint: Path) -> None:
        """``endpoint``: the file in which a control plane says where it is, and with what key."""
        self._endpoint = endpoint

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Once. Refused or Unanswered."""
        try:
            where = json.loads(self._endpoint.read_text())
            status, content = _post(where, action, parameters)
            answer: dict[str, Any] = json.loads(content)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unanswered(f"{action}: {error!r}") from error
        if status >= 500 or answer.get("Code") in _BUSY:
            raise Unanswered(f"{action}: {status} {answer.get('Code')}")
        if status != 200:
            raise Refused(f"{action}: {answer.get('Code')}: {answer.get('Message')}")
        return answer

    def until_answered(
        self, action: str, parameters: Mapping[str, Any], *, at_most: float
    ) -> dict[str, Any]:
        """Again and again, as the same request where it has a ClientToken."""
        deadline = time.monotonic() + at_most
        while True:
            try:
                return self.call(action, parameters)
            except Unanswered:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_AGAIN_AFTER)

    def results(self, invoke_id: str, *, at_most: float) -> dict[str, dict[str, Any]]:
        """What it says of each instance of an invocation."""
        found: dict[str, dict[str, Any]] = {}
        page = 1
        while True:
            wanted = {"InvokeId": invoke_id, "PageSize": _PAGE, "PageNumber": page}
            answer = self.until_answered("DescribeInvocationResults", wanted, at_most=at_most)
            items = answer["Invocation"]["InvocationResults"]["InvocationResult"]
            found.update({item["InstanceId"]: item for item in items})
            if not items or page * _PAGE >= answer["Invocation"]["TotalCount"]:
                return found
            page += 1


def _post(
    where: Mapping[str, str], action: str, parameters: Mapping[str, Any]
) -> tuple[int, bytes]:
    address = urlsplit(where["url"])
    connection = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT)
    try:
        body = urlencode(_signed(where, action, parameters))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/", body, kind)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _signed(
    where: Mapping[str, str], action: str, parameters: Mapping[str, Any]
) -> list[tuple[str, str]]:
    values = {
        "Action": action,
        "Version": _VERSION,
        "Format": "JSON",
        "RegionId": where["region"],
        "AccessKeyId": where["accessKeyId"],
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for name, value in parameters.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            values |= {f"{name}.{number}": str(one) for number, one in enumerate(value, 1)}
        else:
            values[name] = str(value)
    pairs = sorted(values.items())
    query = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)
    text = f"POST&%2F&{_encoded(query)}".encode()
    key = f"{where['accessKeySecret']}&".encode()
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha1).digest()).decode()
    return [*pairs, ("Signature", signature)]


def _encoded(text: str) -> str:
    return quote(text, safe="~")
