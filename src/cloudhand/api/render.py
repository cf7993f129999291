"""A result or an error to the bytes of an answer, in JSON or XML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from cloudhand.api.refusal import Refused


class Format(StrEnum):
    JSON = "JSON"
    XML = "XML"


CONTENT_TYPES = {
    Format.JSON: "application/json;charset=utf-8",
    # Compat: one client reads XML only under exactly this spelling.
    Format.XML: "text/xml;charset=utf-8",
}

# Characters that XML 1.0 cannot hold in any spelling.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROLOGUE = "<?xml version='1.0' encoding='UTF-8'?>"


def result(action: str, value: msgspec.Struct, *, request_id: str, form: Format) -> bytes:
    match form:
        case Format.JSON:
            body = msgspec.json.encode(value)
            start = b'{"RequestId":"%s"' % request_id.encode()
            return start + (b"}" if body == b"{}" else b"," + body[1:])
        case Format.XML:
            built = {"RequestId": request_id, **msgspec.to_builtins(value)}
            return _document(f"{action}Response", built)


def error(refused: Refused, *, product: str, request_id: str, host: str, form: Format) -> bytes:
    code = refused.errors[0].code
    fields = {
        "RequestId": request_id,
        "HostId": host,
        "Code": code,
        "Message": refused.message,
        "Recommend": "https://api.aliyun.com/troubleshoot?"
        f"q={quote(code)}&product={product}&requestId={request_id}",
    }
    match form:
        case Format.JSON:
            return msgspec.json.encode(fields)
        case Format.XML:
            return _document("Error", fields)


def _document(root: str, fields: Mapping[str, Any]) -> bytes:
    parts = [_PROLOGUE]
    _element(root, fields, parts)
    return "".join(parts).encode()


def _element(name: str, value: Any, parts: list[str]) -> None:
    """Append ``value`` as an element; a list becomes one element of the same name per item."""
    if isinstance(value, list):
        for item in value:
            _element(name, item, parts)
        return
    parts.append(f"<{name}>")
    if isinstance(value, dict):
        for key, inner in value.items():
            _element(key, inner, parts)
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif value is not None:
        parts.append(escape(_NOT_XML.sub("\ufffd", str(value))))
    parts.append(f"</{name}>")
