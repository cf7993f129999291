"""Sign and verify requests: the RPC signatures V1 and V3, and the agent's HMAC.

Everything is rebuilt from decoded values, since clients encode the same value differently.
The rules are those of the published "request structure and signature" pages.
"""

from __future__ import annotations

import base64
from typing import Any, Callable, Mapping, Sequence, Tuple
from urllib.parse import quote

try:  # The built-in module spares the agent the 3 MiB of libcrypto that hashlib loads.
    from _sha2 import sha256 as _builtin_sha256  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256 as _builtin_sha256  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import sha256 as _builtin_sha256

V3_ALGORITHM = "ACS3-HMAC-SHA256"
_BLOCK = 64  # bytes, of SHA-1 and SHA-256

sha256: Callable[..., Any] = _builtin_sha256


def hmac(digest: Callable[..., Any], key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104) without the hmac module, which loads libcrypto."""
    if len(key) > _BLOCK:
        key = digest(key).digest()
    key = key.ljust(_BLOCK, b"\0")
    inner = digest(bytes(byte ^ 0x36 for byte in key) + message).digest()
    outer: bytes = digest(bytes(byte ^ 0x5C for byte in key) + inner).digest()
    return outer


def encode(text: str) -> str:
    """Percent-encode all but the unreserved characters of RFC 3986."""
    return quote(text, safe="~")


def canonical_query(pairs: Sequence[Tuple[str, str]]) -> str:
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(pairs))


def v1_string_to_sign(method: str, pairs: Sequence[Tuple[str, str]]) -> str:
    """``pairs`` are all decoded parameters of query and form; Signature itself is left out."""
    signed = [(name, value) for name, value in pairs if name != "Signature"]
    return f"{method}&%2F&{encode(canonical_query(signed))}"


def v1_signature(sha1: Callable[..., Any], secret: str, string_to_sign: str) -> str:
    """``sha1`` is handed in, since only the server, which has hashlib, speaks V1."""
    mac = hmac(sha1, f"{secret}&".encode(), string_to_sign.encode())
    return base64.b64encode(mac).decode()


def v3_canonical_request(
    method: str,
    pairs: Sequence[Tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: Sequence[str],
    payload_hash: str,
) -> str:
    """``headers`` by lower-case name, values as received. The signed path is always /."""
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed_headers)
    return "\n".join(
        (method, "/", canonical_query(pairs), lines, ";".join(signed_headers), payload_hash)
    )


def v3_string_to_sign(canonical_request: str) -> str:
    return f"{V3_ALGORITHM}\n{sha256(canonical_request.encode()).hexdigest()}"


def v3_signature(secret: str, string_to_sign: str) -> str:
    return hmac(sha256, secret.encode(), string_to_sign.encode()).hex()


def sign_agent(
    key: bytes,
    *,
    method: str,
    path: str,
    query: str,
    body: bytes,
    instance_id: str,
    timestamp: str,
    request_id: str,
    boot_id: str,
) -> str:
    """The HMAC (hex) that our agent puts on a request; ``query`` is raw, without the mark."""
    text = "\n".join(
        (method, path, query, sha256(body).hexdigest(), instance_id, timestamp, request_id, boot_id)
    )
    return hmac(sha256, key, text.encode()).hex()
