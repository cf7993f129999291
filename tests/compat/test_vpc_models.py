"""What is answered of networks and endpoints is what the official SDKs declare."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_location20150612 import models as location
from alibabacloud_vpc20160428 import models as vpc

from cloudhand.api.location.operations import OPERATIONS as LOCATION
from cloudhand.api.vpc.operations import OPERATIONS as VPC
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import Endpoint
from tests.api.cloud import KEY, REGION, Cloud
from tests.compat.fits import fields, misfits

WHERE = {"Id": REGION, "ServiceCode": "ecs"}
# Ours: newer clients read it, though this SDK does not.
OURS = [".Endpoints.Endpoint[0].ServiceCode: unknown"]
COMMON = {"OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"}


@pytest.mark.parametrize(
    ("models", "version", "action", "asked", "ours"),
    [
        (vpc, "2016-04-28", "DescribeVpcs", {"VpcOwnerId": "1", "DryRun": "true"}, []),
        (vpc, "2016-04-28", "DescribeVSwitches", {"VSwitchOwnerId": "1", "DryRun": "true"}, []),
        (location, "2015-06-12", "DescribeEndpoints", WHERE, OURS),
    ],
)
def test_an_answer_is_what_is_declared(
    it: Cloud, models: Any, version: str, action: str, asked: dict[str, str], ours: list[str]
) -> None:
    client = Client(
        Endpoint(
            url=f"http://{it.endpoint}",
            region_id=REGION,
            access_key_id=KEY.id,
            access_key_secret=KEY.secret,
        )
    )
    body = client.call(action, asked, version=version)
    client.close()
    assert list(misfits(models, getattr(models, f"{action}ResponseBody"), body)) == ours


@pytest.mark.parametrize(
    ("models", "operations", "action"),
    [
        (vpc, VPC, "DescribeVpcs"),
        (vpc, VPC, "DescribeVSwitches"),
        (location, LOCATION, "DescribeEndpoints"),
    ],
)
def test_it_knows_what_the_sdk_sends(models: Any, operations: Any, action: str) -> None:
    sent = set(fields(getattr(models, f"{action}Request")))
    known = {name for one in operations[action].parameters.values() for name in one.names}
    assert sent - known - COMMON == set()
