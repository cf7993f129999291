"""Where products are served: here, as the caller spells it."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.api.location.describe_endpoints import describe_endpoints
from cloudhand.api.products import BY_PRODUCT
from tests.api.clients import ClientError, Sdk, classic
from tests.api.cloud import REGION, Cloud

LOCATION = Sdk("Location", "2015-06-12", None, None)


def asked(it: Cloud, **values: Any) -> list[dict[str, Any]]:
    call = classic(it.endpoint, sdk=LOCATION)
    answer = call("DescribeEndpoints", **{"Id": REGION, "ServiceCode": "ecs", **values})
    assert answer["Success"] is True
    found: list[dict[str, Any]] = answer["Endpoints"]["Endpoint"]
    return found


@pytest.mark.parametrize("code", sorted(BY_PRODUCT))
def test_each_product_is_served_here(it: Cloud, code: str) -> None:
    (one,) = asked(it, ServiceCode=code, Type="openAPI")
    assert one == {
        "Endpoint": it.endpoint,
        "Id": REGION,
        "Namespace": "",
        "SerivceCode": code,
        "ServiceCode": code,
        "Type": "openAPI",
        "Protocols": {"Protocols": ["HTTP"]},
    }


def test_of_another_type_there_are_none(it: Cloud) -> None:
    assert asked(it, Type="innerAPI") == []


@pytest.mark.parametrize(
    ("values", "code", "status"),
    [
        ({"Id": "cn-atlantis"}, "InvalidRegionId", 404),
        ({"ServiceCode": "rds"}, "Illegal Parameter", 400),
        ({"Id": ""}, "MissingParameter.Id", 400),
        ({"ServiceCode": ""}, "MissingParameter.ServiceCode", 400),
    ],
)
def test_what_is_not_here_is_refused(
    it: Cloud, values: dict[str, Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as caught:
        asked(it, **values)
    assert (caught.value.code, caught.value.status) == (code, status)


def test_each_declared_error_is_among_them() -> None:
    assert {one.code for one in describe_endpoints.declared} == {
        "InvalidRegionId",
        "Illegal Parameter",
    }
