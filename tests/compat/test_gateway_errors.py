"""Errors of any request: who asks, when, for what, and how much of it.

What no official client can send (a request without a signature, half a signature, no HTTP at
all) is sent as bytes by the tests of the API.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_tea_openapi.utils import Utils
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkcore.utils import parameter_helper
from aliyunsdkecs.request.v20140526.DescribeRegionsRequest import DescribeRegionsRequest

from tests.api.clients import CALLERS, ClientError, classic, tea
from tests.api.cloud import INACTIVE, KEY, REGION, Cloud

KEYS = [
    ("nobody", "x", "InvalidAccessKeyId.NotFound", 404),
    (INACTIVE.id, INACTIVE.secret, "InvalidAccessKeyId.Inactive", 400),
    (KEY.id, "wrong", "SignatureDoesNotMatch", 400),
]
CLIENTS = ["tea", "tea v2", "classic"]


def refused(send: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        send()
    return caught.value.code, caught.value.status


@pytest.mark.parametrize("options", [{}, {"signature_algorithm": "v2"}], ids=["v3", "v2"])
@pytest.mark.parametrize(("key_id", "secret", "code", "status"), KEYS)
def test_the_newer_client_hears_why_it_is_not_believed(
    it: Cloud, options: dict[str, Any], key_id: str, secret: str, code: str, status: int
) -> None:
    call = tea(it.endpoint, access_key_id=key_id, access_key_secret=secret, **options)
    assert refused(lambda: call("DescribeRegions")) == (code, status)


@pytest.mark.parametrize(("key_id", "secret", "code", "status"), KEYS)
def test_the_older_client_hears_why_it_is_not_believed(
    it: Cloud, key_id: str, secret: str, code: str, status: int
) -> None:
    call = classic(it.endpoint, key_id=key_id, secret=secret)
    assert refused(lambda: call("DescribeRegions")) == (code, status)


def test_the_older_client_finds_out_that_its_secret_is_wrong(it: Cloud) -> None:
    """It compares what was signed with what it finds behind the colon of the message."""
    request = DescribeRegionsRequest()
    request.set_endpoint(it.endpoint)
    client = AcsClient(KEY.id, "wrong", REGION, auto_retry=False)
    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(request)
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"


def test_a_temporary_key_is_refused(it: Cloud) -> None:
    call = tea(it.endpoint, security_token="token", type="sts")
    answer = refused(lambda: call("DescribeRegions"))
    assert answer == ("InvalidSecurityToken.Malformed", 400)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2001-01-01T00:00:00Z", "InvalidTimeStamp.Expired"),
        ("2999-01-01T00:00:00Z", "InvalidTimeStamp.Expired"),
        ("Tue, 24 Nov 2026 16:05:07 GMT", "InvalidTimeStamp.Format"),
    ],
)
def test_a_machine_whose_clock_is_wrong_is_told_so(
    it: Cloud, monkeypatch: pytest.MonkeyPatch, client: str, moment: str, code: str
) -> None:
    monkeypatch.setattr(Utils, "get_timestamp", lambda: moment)
    monkeypatch.setattr(parameter_helper, "get_iso_8061_date", lambda: moment)
    assert refused(lambda: CALLERS[client](it.endpoint)("DescribeRegions")) == (code, 400)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_nonce_counts_once(it: Cloud, monkeypatch: pytest.MonkeyPatch, client: str) -> None:
    monkeypatch.setattr(Utils, "get_nonce", lambda: f"nonce of {client}")
    monkeypatch.setattr(parameter_helper, "get_uuid", lambda: f"nonce of {client}")
    call = CALLERS[client](it.endpoint)
    assert call("DescribeRegions")["Regions"]
    assert refused(lambda: call("DescribeRegions")) == ("SignatureNonceUsed", 400)


def test_a_signature_of_another_kind_is_refused(it: Cloud) -> None:
    call = tea(it.endpoint, signature_algorithm="ACS3-HMAC-SM3")
    assert refused(lambda: call("DescribeRegions")) == ("InvalidSignatureMethod", 400)


@pytest.mark.parametrize("client", sorted(CALLERS))
def test_an_operation_that_is_not_there_is_said_not_to_be(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    assert refused(lambda: call("DescribeSnapshots")) == ("InvalidAction.NotFound", 404)


def older(it: Cloud, **values: Any) -> CommonRequest:
    given = {"version": "2014-05-26", "action_name": "DescribeRegions", **values}
    return CommonRequest(domain=it.endpoint, product="Ecs", **given)


def answer_to(request: CommonRequest) -> tuple[str, int]:
    with pytest.raises(ServerException) as caught:
        AcsClient(KEY.id, KEY.secret, REGION, auto_retry=False).do_action_with_exception(request)
    return caught.value.get_error_code(), caught.value.get_http_status()


def test_another_version_of_the_product_is_not_here(it: Cloud) -> None:
    assert answer_to(older(it, version="2013-01-10")) == ("InvalidVersion", 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_method_is_refused(it: Cloud, method: str) -> None:
    request = older(it)
    request.set_method(method)
    assert answer_to(request) == ("UnsupportedHTTPMethod", 403)


@pytest.mark.parametrize("client", ["tea", "classic"])
def test_a_request_that_is_far_too_long_is_told_so(it: Cloud, client: str) -> None:
    call = CALLERS[client](it.endpoint)
    long = {"CommandContent": "x" * 300_000, "InstanceId": ["i-1"], "Type": "RunShellScript"}
    assert refused(lambda: call("RunCommand", **long)) == ("RequestURITooLong", 414)


def test_headers_that_are_far_too_large_are_told_so(it: Cloud) -> None:
    request = older(it)
    request.add_header("x-note", "x" * 70_000)
    assert answer_to(request) == ("RequestHeaderFieldsTooLarge", 431)


def test_a_body_that_is_far_too_large_is_told_so(it: Cloud) -> None:
    request = older(it)
    request.set_method("POST")
    request.add_body_params("Note", "x" * 1_100_000)
    assert answer_to(request) == ("RequestEntityTooLarge", 413)
