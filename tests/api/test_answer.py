"""Requests from bytes to bytes: whatever is asked, the answer is never an internal error."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from datetime import timedelta
from itertools import count
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudhand.api.answer import Gate, answer
from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import Call, Operation
from cloudhand.api.products import BY_VERSION
from cloudhand.api.request import RawAnswer, RawRequest
from cloudhand.core.errors import ActivationRefused
from cloudhand.wire import signature, times
from tests.api.cloud import KEY, REGION, Cloud
from tests.world import World

_NONCES = count()

NAMES = sorted(
    {name for op in OPERATIONS.values() for one in op.parameters.values() for name in one.names}
)
KEYS = st.builds(
    "{}{}".format,
    st.sampled_from(NAMES),
    st.sampled_from(["", "", ".1", ".2", ".1.Key", ".1.Value", ".x"]),
)
VALUES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["true", "1", "0", "[]", "['a']", '["a"]', '{"a":1}', "W10=", "WzFd", "WyJ4Il0=", "*", "%"]
    ),
    st.sampled_from(["RunShellScript", "Base64", "i-x", "Running", "SuccessFirst", "192.0.2.0/24"]),
    st.integers(-(2**70), 2**70).map(str),
)


def request(world: World, action: str, flat: dict[str, str]) -> RawRequest:
    pairs = [
        ("Action", action),
        ("Version", "2014-05-26"),
        ("AccessKeyId", KEY.id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", str(next(_NONCES))),
        ("Timestamp", times.second(world.clock.now())),
        *({"RegionId": REGION} | flat).items(),
    ]
    text = signature.v1_string_to_sign("POST", pairs)
    mac = signature.v1_signature(hashlib.sha1, KEY.secret, text)
    return RawRequest(
        method="POST", query=urlencode([*pairs, ("Signature", mac)]).encode(), headers={}
    )


def asked(
    it: Cloud, operations: dict[str, Operation], action: str, flat: dict[str, str]
) -> RawAnswer:
    async def ask(world: World) -> RawAnswer:
        gate = Gate(since=world.clock.now() - timedelta(hours=1))
        raw = request(world, action, flat)
        return await answer(raw, {"2014-05-26": operations}, world.tenancy, gate)

    return it.do(ask)


@pytest.mark.parametrize("action", sorted(OPERATIONS))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(flat=st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_parameters_make_an_internal_error(it: Cloud, action: str, flat: dict[str, str]) -> None:
    told = asked(it, dict(BY_VERSION["2014-05-26"]), action, flat)
    assert told.status < 500
    body = json.loads(told.body) if told.content_type.startswith("application/json") else {}
    if told.status != 200 and body:
        assert body.keys() == {"RequestId", "HostId", "Code", "Message", "Recommend"}


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), ActivationRefused("not declared")])
def test_what_an_operation_does_not_declare_is_an_internal_error_logged_once(
    it: Cloud, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def fail(call: Call, params: object) -> object:
        raise error

    broken = replace(OPERATIONS["DescribeRegions"], handle=fail)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        told = asked(it, {"DescribeRegions": broken}, "DescribeRegions", {})
    body = json.loads(told.body)
    assert (told.status, body["Code"]) == (500, "InternalError")
    assert str(error) not in told.body.decode()
    (record,) = caplog.records
    assert body["RequestId"] in record.getMessage()
    assert record.exc_info is not None


def test_every_answer_names_its_request(it: Cloud) -> None:
    told = asked(it, dict(OPERATIONS), "DescribeRegions", {})
    assert json.loads(told.body)["RequestId"] == told.request_id
