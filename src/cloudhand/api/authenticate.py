"""Who is calling: both request signatures, the time window, and requests that come twice."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cloudhand.api import gateway_errors as wrong
from cloudhand.api.refusal import Refused
from cloudhand.api.request import Asked, RawRequest
from cloudhand.core.account import AccessKey
from cloudhand.wire import signature, times

WINDOW = timedelta(minutes=15)
START_SLACK = timedelta(seconds=5)
_NONCE_LIMIT = 64  # characters that are kept as they are

_CREDENTIAL = re.compile(r"Credential\s*=\s*([^,\s]+)")
_SIGNED_HEADERS = re.compile(r"SignedHeaders\s*=\s*([^,\s]+)")
_SIGNATURE = re.compile(r"Signature\s*=\s*([0-9A-Fa-f]{64})\s*(?:,|$)")
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
# A header that says what is asked counts only if the signature covers it.
_MUST_BE_SIGNED = (
    "host",
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-security-token",
)


def named_key(raw: RawRequest, asked: Asked) -> str:
    """The access key that a request says it is signed with, which nobody has looked at."""
    found = _CREDENTIAL.search(raw.headers.get("authorization", ""))
    return found[1] if found else asked.flat.get("AccessKeyId", "")


class Keys(Protocol):
    """Where access keys are looked up; asked once a request."""

    async def get(self, access_key_id: str) -> AccessKey | None: ...


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a request says of its sender, before anything of it is believed."""

    access_key_id: str
    timestamp: str
    nonce: str
    token: str


class ReplayGuard:
    """Remembers nonces while their requests could be sent again.

    Nothing is remembered over a restart: instead a request from before the start is refused,
    less a little for clocks that differ.
    """

    def __init__(self, started_at: datetime) -> None:
        self._earliest = started_at - START_SLACK
        self._seen: dict[int, set[str]] = {}  # nonces by the minute of their timestamp

    def clock_set(self, by: timedelta) -> None:
        self._earliest += by

    def check_time(self, timestamp: str, now: datetime) -> datetime:
        try:
            sent_at = times.parse_second(timestamp)
        except ValueError:
            raise Refused(wrong.TIME_FORMAT) from None
        if abs(now - sent_at) > WINDOW or sent_at < self._earliest:
            raise Refused(wrong.TIME_EXPIRED)
        return sent_at

    def check_nonce(self, key: str) -> None:
        if any(key in nonces for nonces in self._seen.values()):
            raise Refused(wrong.NONCE_USED)

    def remember(self, key: str, sent_at: datetime, now: datetime) -> None:
        minute = _minute(sent_at)
        if minute not in self._seen:
            oldest = _minute(now - WINDOW)
            self._seen = {at: nonces for at, nonces in self._seen.items() if at >= oldest}
            self._seen[minute] = set()
        self._seen[minute].add(key)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


async def authenticate(
    request: RawRequest, asked: Asked, keys: Keys, guard: ReplayGuard, now: datetime
) -> AccessKey:
    """The key that signed the request; Refused when none did, or not now, or not only once."""
    authorization = request.headers.get("authorization", "")
    by_header = authorization.startswith("ACS3-")
    claim = _v3_claim(request, authorization) if by_header else _v1_claim(asked.flat)
    key = await keys.get(claim.access_key_id)
    if key is None:
        raise Refused(wrong.NO_SUCH_KEY)
    if not key.active:
        raise Refused(wrong.KEY_INACTIVE)
    sent_at = guard.check_time(claim.timestamp, now)
    nonce = _spelled(key, claim.nonce)
    guard.check_nonce(nonce)
    if by_header:
        _verify_v3(request, asked, authorization, key.secret)
    else:
        _verify_v1(request, asked, key.secret)
    guard.remember(nonce, sent_at, now)
    _check_token(key, claim.token, now)
    return key


def _check_token(key: AccessKey, token: str, now: datetime) -> None:
    """A token comes with the key of a role, and with no other."""
    digest = hashlib.sha256(token.encode()).hexdigest() if token else ""
    if not hmac.compare_digest(digest, key.token_digest):
        raise Refused(wrong.TOKEN_MALFORMED)
    if key.expires_at is not None and key.expires_at <= now:
        raise Refused(wrong.TOKEN_EXPIRED)


def _spelled(key: AccessKey, nonce: str) -> str:
    """The nonce of this key; a long one as its digest, since many are kept."""
    if len(nonce) > _NONCE_LIMIT:
        nonce = hashlib.sha256(nonce.encode()).hexdigest()
    return f"{key.id} {nonce}"


def _v1_claim(flat: Mapping[str, str]) -> Claim:
    absent = [name for name in wrong.V1_NEEDS if not flat.get(name)]
    if absent:
        raise Refused(wrong.missing_common(absent[0]))
    if flat["SignatureMethod"].upper() != "HMAC-SHA1" or flat.get("SignatureType"):
        raise Refused(wrong.METHOD_UNKNOWN)
    if flat["SignatureVersion"] != "1.0":
        raise Refused(wrong.VERSION_UNKNOWN)
    return Claim(
        access_key_id=flat["AccessKeyId"],
        timestamp=flat["Timestamp"],
        nonce=flat["SignatureNonce"],
        token=flat.get("SecurityToken", ""),
    )


def _verify_v1(request: RawRequest, asked: Asked, secret: str) -> None:
    given = asked.flat["Signature"]
    try:
        base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(wrong.INCOMPLETE) from None
    text = signature.v1_string_to_sign(request.method, [*asked.query, *asked.form])
    mac = hmac.digest(f"{secret}&".encode(), text.encode(), "sha1")
    if not hmac.compare_digest(base64.b64encode(mac), given.encode()):
        raise Refused(wrong.v1_mismatch(text))


def _v3_claim(request: RawRequest, authorization: str) -> Claim:
    if authorization.split(None, 1)[0] != signature.V3_ALGORITHM:
        raise Refused(wrong.METHOD_UNKNOWN)
    credential = _CREDENTIAL.search(authorization)
    if not credential:
        raise Refused(wrong.INCOMPLETE)
    headers = request.headers
    for name in ("x-acs-date", "x-acs-signature-nonce"):
        if not headers.get(name):
            raise Refused(wrong.missing_common(name))
    return Claim(
        access_key_id=credential.group(1),
        timestamp=headers["x-acs-date"],
        nonce=headers["x-acs-signature-nonce"],
        token=headers.get("x-acs-security-token", ""),
    )


def _verify_v3(request: RawRequest, asked: Asked, authorization: str, secret: str) -> None:
    given = _SIGNATURE.search(authorization)
    names = _SIGNED_HEADERS.search(authorization)
    if not given or not names:
        raise Refused(wrong.INCOMPLETE)
    signed = names.group(1).lower().split(";")
    headers = request.headers
    if any(name in headers and name not in signed for name in _MUST_BE_SIGNED):
        raise Refused(wrong.INCOMPLETE)
    payload = hashlib.sha256(request.body).hexdigest() if request.body else _EMPTY_HASH
    text = signature.v3_canonical_request(request.method, asked.query, headers, signed, payload)
    to_sign = f"{signature.V3_ALGORITHM}\n{hashlib.sha256(text.encode()).hexdigest()}"
    mac = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    stated = headers.get("x-acs-content-sha256", payload)
    if not hmac.compare_digest(mac, given.group(1).lower()) or stated != payload:
        raise Refused(wrong.v3_mismatch(to_sign, text))
