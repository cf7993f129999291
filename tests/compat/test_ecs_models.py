"""What is told of instances and accounts is what the official SDK declares, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from cloudhand.api.ecs import machine
from cloudhand.api.ecs.operations import OPERATIONS
from cloudhand.api.operation import COMMON
from tests.api.clients import classic
from tests.api.cloud import Cloud
from tests.compat.fits import fields, misfits
from tests.compat.rows import EXTENSIONS


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("CreateInstance", {}),
        ("ModifyInstanceAttribute", {"InstanceId": "<it>", "Description": "another"}),
        ("DescribeInstanceAttribute", {"InstanceId": "<it>"}),
        ("DescribeUserData", {"InstanceId": "<it>"}),
        ("DescribeAccountAttributes", {}),
        ("DescribeVpcs", {}),
        ("DescribeVSwitches", {}),
        ("DescribeSecurityGroups", {"IsQueryEcsCount": True}),
        ("DescribeSecurityGroupAttribute", {"SecurityGroupId": machine.SECURITY_GROUP_ID}),
        ("DescribeDisks", {}),
        ("DescribeImages", {}),
        ("DescribeInstanceTypes", {}),
        ("DescribeInstanceTypeFamilies", {}),
        ("DescribeAvailableResource", {"DestinationResource": "InstanceType"}),
    ],
)
def test_an_answer_has_every_field(it: Cloud, action: str, asked: dict[str, Any]) -> None:
    (instance_id,) = it.instances() if "<it>" in asked.values() else ("",)
    given = {name: instance_id if one == "<it>" else one for name, one in asked.items()}
    answer = classic(it.endpoint)(action, **given)
    assert list(misfits(models, getattr(models, f"{action}ResponseBody"), answer)) == []


@pytest.mark.parametrize("action", sorted(set(OPERATIONS) - set(EXTENSIONS)))
def test_it_knows_what_the_sdk_sends(action: str) -> None:
    """Served, without effect or refused: nothing is ignored as unknown."""
    sent = set(fields(getattr(models, f"{action}Request")))
    known = {name for one in OPERATIONS[action].parameters.values() for name in one.names}
    assert sent - known - COMMON == set()
