"""The signatures against the two published examples, and against the standard library."""

from __future__ import annotations

import hashlib
import hmac as standard

from hypothesis import given
from hypothesis import strategies as st

from cloudhand.wire import signature


def test_v1_matches_the_published_example() -> None:
    pairs = [
        ("Action", "DescribeRegions"),
        ("Format", "XML"),
        ("Version", "2014-05-26"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
        ("Timestamp", "2016-02-23T12:46:24Z"),
        ("AccessKeyId", "testid"),
        ("Signature", "left out"),
    ]
    text = signature.v1_string_to_sign("GET", pairs)
    assert text.startswith("GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26")
    made = signature.v1_signature(hashlib.sha1, "testsecret", text)
    assert made == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_v3_matches_the_published_example() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    canonical = signature.v3_canonical_request(
        "POST",
        [
            ("RegionId", "cn-shanghai"),
            ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"),
        ],
        headers,
        sorted(headers),
        headers["x-acs-content-sha256"],
    )
    to_sign = signature.v3_string_to_sign(canonical)
    assert to_sign.endswith("7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259")
    made = signature.v3_signature("YourAccessKeySecret", to_sign)
    assert made == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"


def test_only_unreserved_characters_stay_as_they_are() -> None:
    assert signature.encode("aZ09-_.~ */:+é") == "aZ09-_.~%20%2A%2F%3A%2B%C3%A9"


def test_empty_values_are_signed() -> None:
    assert signature.canonical_query([("b", ""), ("a", "1")]) == "a=1&b="


@given(st.binary(max_size=200), st.binary())
def test_hmac_is_that_of_the_standard_library(key: bytes, message: bytes) -> None:
    ours = signature.hmac(hashlib.sha256, key, message)
    assert ours == standard.digest(key, message, "sha256")


def test_every_part_of_an_agents_request_is_signed() -> None:
    parts = {
        "method": "POST",
        "path": "/luban/api/v1/task/finish",
        "query": "taskId=t-1",
        "body": b"output",
        "instance_id": "i-1",
        "timestamp": "1",
        "request_id": "r",
        "boot_id": "b",
    }
    made = {signature.sign_agent(b"key", **parts)}  # type: ignore[arg-type]
    for name, value in parts.items():
        changed = {**parts, name: value * 2 if value != "POST" else "GET"}  # type: ignore[operator]
        made.add(signature.sign_agent(b"key", **changed))  # type: ignore[arg-type]
    assert len(made) == len(parts) + 1
