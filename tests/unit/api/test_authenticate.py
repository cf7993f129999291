"""Who is believed, and what a request that is not is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from cloudhand.api import request as requests
from cloudhand.api.authenticate import ReplayGuard, authenticate
from cloudhand.api.refusal import Refused, WireError
from cloudhand.api.request import RawRequest
from cloudhand.core.account import AccessKey
from cloudhand.wire import signature, times

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = AccessKey(id="id", secret="secret", account_id="1")
ROLE = AccessKey(
    id="STS.id",
    secret="secret",
    account_id="1",
    of="helper/night",
    token_digest=hashlib.sha256(b"token").hexdigest(),
    expires_at=NOW + timedelta(minutes=10),
)
OFF = AccessKey(id="off", secret="secret", account_id="1", active=False)


class Keys:
    async def get(self, access_key_id: str) -> AccessKey | None:
        return {KEY.id: KEY, OFF.id: OFF, ROLE.id: ROLE}.get(access_key_id)


@dataclass
class Door:
    guard: ReplayGuard = field(default_factory=lambda: ReplayGuard(NOW - timedelta(hours=1)))

    async def knock(self, raw: RawRequest, now: datetime = NOW) -> AccessKey:
        return await authenticate(raw, requests.read(raw), Keys(), self.guard, now)

    async def refused(self, raw: RawRequest, now: datetime = NOW) -> WireError:
        with pytest.raises(Refused) as caught:
            await self.knock(raw, now)
        (error,) = caught.value.errors
        return error


def v1(
    *, method: str = "POST", secret: str = KEY.secret, form: str = "", **changes: str
) -> RawRequest:
    given = {
        "Action": "DescribeRegions",
        "AccessKeyId": KEY.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": "n",
        "Timestamp": times.second(NOW),
        "SignatureType": "",
        **changes,
    }
    pairs = list(given.items())
    headers = {"host": "here"}
    if form:
        headers["content-type"] = "application/x-www-form-urlencoded"
    text = signature.v1_string_to_sign(method, [*pairs, *([("Form", form)] if form else [])])
    pairs.append(("Signature", signature.v1_signature(hashlib.sha1, secret, text)))
    return RawRequest(
        method=method,
        query=urlencode(pairs).encode(),
        headers=headers,
        body=urlencode({"Form": form}).encode() if form else b"",
    )


def v3(
    *,
    secret: str = KEY.secret,
    key_id: str = KEY.id,
    body: bytes = b"",
    unsigned: tuple[str, ...] = (),
    **changes: str,
) -> RawRequest:
    headers = {
        "host": "here:80",
        "x-acs-action": "DescribeRegions",
        "x-acs-version": "2014-05-26",
        "x-acs-date": times.second(NOW),
        "x-acs-signature-nonce": "n",
        "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    signed = sorted(set(headers) - set(unsigned))
    pairs = [("a b", "~*/:+"), ("empty", "")]
    canonical = signature.v3_canonical_request(
        "POST", pairs, headers, signed, hashlib.sha256(body).hexdigest()
    )
    mac = signature.v3_signature(secret, signature.v3_string_to_sign(canonical))
    headers["authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(signed)},Signature={mac}"
    )
    return RawRequest(method="POST", query=urlencode(pairs).encode(), headers=headers, body=body)


def with_authorization(raw: RawRequest, text: str) -> RawRequest:
    return replace(raw, headers={**raw.headers, "authorization": text})


@pytest.mark.parametrize(
    "raw",
    [v1(), v1(method="GET"), v1(form="x y"), v3(), v3(body=b"anything")],
    ids=["v1", "v1 get", "v1 form", "v3", "v3 body"],
)
async def test_a_good_signature_is_believed(raw: RawRequest) -> None:
    assert await Door().knock(raw) == KEY


async def test_spaces_in_the_authorization_are_tolerated() -> None:
    raw = v3()
    text = raw.headers["authorization"].replace(",", ", ").replace("=", " = ", 1)
    assert await Door().knock(with_authorization(raw, text)) == KEY


@pytest.mark.parametrize(
    ("raw", "code", "status"),
    [
        (v1(AccessKeyId="who"), "InvalidAccessKeyId.NotFound", 404),
        (v3(key_id="who"), "InvalidAccessKeyId.NotFound", 404),
        (v1(AccessKeyId="off"), "InvalidAccessKeyId.Inactive", 400),
        (v1(secret="wrong"), "SignatureDoesNotMatch", 400),
        (v3(secret="wrong"), "SignatureDoesNotMatch", 400),
        (v1(Timestamp="yesterday"), "InvalidTimeStamp.Format", 400),
        (v1(Timestamp="2026-01-02T03:20:00Z"), "InvalidTimeStamp.Expired", 400),
        (v1(Timestamp="2026-01-02T02:49:00Z"), "InvalidTimeStamp.Expired", 400),
        (v3(x_acs_date="2026-01-02T02:49:00Z"), "InvalidTimeStamp.Expired", 400),
        (v1(SignatureMethod="MD5"), "InvalidSignatureMethod", 400),
        (v1(SignatureType="BEARERTOKEN"), "InvalidSignatureMethod", 400),
        (v1(SignatureVersion="2.0"), "InvalidSignatureVersion", 400),
        (v1(SecurityToken="t"), "InvalidSecurityToken.Malformed", 400),
        (v1(AccessKeyId=ROLE.id), "InvalidSecurityToken.Malformed", 400),
        (v1(AccessKeyId=ROLE.id, SecurityToken="t"), "InvalidSecurityToken.Malformed", 400),
        (v3(x_acs_security_token="t"), "InvalidSecurityToken.Malformed", 400),
        (v3(unsigned=("x-acs-action",)), "IncompleteSignature", 400),
        (v3(unsigned=("host",)), "IncompleteSignature", 400),
        (v3(x_acs_date=""), "MissingParameter", 400),
        (v3(x_acs_signature_nonce=""), "MissingParameter", 400),
        (with_authorization(v3(), "ACS3-HMAC-SM3 Credential=id"), "InvalidSignatureMethod", 400),
        (with_authorization(v3(), "ACS3-HMAC-SHA256 "), "IncompleteSignature", 400),
        (
            with_authorization(v3(), "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host"),
            "IncompleteSignature",
            400,
        ),
        (v3(x_acs_content_sha256="0" * 64), "SignatureDoesNotMatch", 400),
        (replace(v3(body=b"one"), body=b"two"), "SignatureDoesNotMatch", 400),
        (replace(v1(), method="GET"), "SignatureDoesNotMatch", 400),
        (replace(v1(), query=v1().query + b"&More=1"), "SignatureDoesNotMatch", 400),
        (
            RawRequest(
                method="GET",
                query=b"AccessKeyId=id&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0"
                b"&SignatureNonce=n&Timestamp=2026-01-02T03:04:05Z&Signature=%21",
                headers={},
            ),
            "IncompleteSignature",
            400,
        ),
    ],
)
async def test_who_is_not_believed_is_told_why(raw: RawRequest, code: str, status: int) -> None:
    error = await Door().refused(raw)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize(
    "name",
    [
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
    ],
)
async def test_each_common_parameter_is_asked_for(name: str) -> None:
    raw = v1()
    kept = [pair for pair in requests.read(raw).query if pair[0] != name]
    error = await Door().refused(replace(raw, query=urlencode(kept).encode()))
    assert error.code == "MissingParameter"
    assert name in error.message


async def test_the_v1_mismatch_says_what_was_signed_behind_its_colon() -> None:
    raw = v1(secret="wrong")
    error = await Door().refused(raw)
    text = signature.v1_string_to_sign("POST", requests.read(raw).query)
    assert error.message.split(":", 1)[1] == text
    assert error.message.count(":") == 1


async def test_the_v3_mismatch_says_what_was_signed() -> None:
    error = await Door().refused(v3(secret="wrong"))
    assert "server StringToSign is [ACS3-HMAC-SHA256\n" in error.message
    assert "server CanonicalRequest is [POST\n/\n" in error.message


async def test_a_request_that_comes_twice_is_refused_the_second_time() -> None:
    door = Door()
    await door.knock(v1())
    assert (await door.refused(v1())).code == "SignatureNonceUsed"
    assert (await door.refused(v3())).code == "SignatureNonceUsed"
    assert await door.knock(v1(SignatureNonce="other")) == KEY


async def test_long_nonces_are_told_apart_too() -> None:
    door = Door()
    await door.knock(v1(SignatureNonce="n" * 9999))
    assert (await door.refused(v1(SignatureNonce="n" * 9999))).code == "SignatureNonceUsed"
    assert await door.knock(v1(SignatureNonce="n" * 9998)) == KEY


async def test_a_nonce_is_not_used_up_by_somebody_without_the_secret() -> None:
    door = Door()
    await door.refused(v1(secret="guessed"))
    assert await door.knock(v1()) == KEY


async def test_nonces_are_remembered_as_long_as_their_requests_are_good() -> None:
    door = Door()
    early = v1(Timestamp=times.second(NOW + timedelta(minutes=14)))
    await door.knock(early)
    for minute in range(1, 29):
        now = NOW + timedelta(minutes=minute)
        await door.knock(v1(SignatureNonce=f"n{minute}", Timestamp=times.second(now)), now)
    last = NOW + timedelta(minutes=28)
    assert (await door.refused(early, last)).code == "SignatureNonceUsed"
    # What can no longer be sent again is forgotten.
    assert len(door.guard._seen) <= 17
    assert (await door.refused(v1(), last)).code == "InvalidTimeStamp.Expired"


async def test_requests_from_before_the_start_are_refused_less_five_seconds() -> None:
    door = Door(guard=ReplayGuard(NOW))
    old = times.second(NOW - timedelta(seconds=6))
    assert (await door.refused(v1(Timestamp=old))).code == "InvalidTimeStamp.Expired"
    assert await door.knock(v1(Timestamp=times.second(NOW - timedelta(seconds=5)))) == KEY


def test_our_mac_is_that_of_the_standard_library() -> None:
    text = "POST&%2F&a%3D1"
    mac = hmac.digest(b"secret&", text.encode(), "sha1")
    made = signature.v1_signature(hashlib.sha1, "secret", text)
    assert made == base64.b64encode(mac).decode()


@pytest.mark.parametrize(
    "raw",
    [
        v1(AccessKeyId=ROLE.id, SecurityToken="token"),
        v3(key_id=ROLE.id, x_acs_security_token="token"),
    ],
    ids=["v1", "v3"],
)
async def test_the_key_of_a_role_is_believed_until_it_expires(raw: RawRequest) -> None:
    assert await Door().knock(raw) is ROLE
    error = await Door().refused(raw, NOW + timedelta(minutes=10))
    assert (error.code, error.status) == ("InvalidSecurityToken.Expired", 400)
