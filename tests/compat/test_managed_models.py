"""What is answered about machines from outside is what the official SDK declares."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from cloudhand.core.assistant_settings import PURPOSES
from cloudhand.core.ids import InstanceId
from cloudhand.wire.plugin import PluginStatus
from tests.api.clients import classic, hang_up
from tests.api.cloud import cloud
from tests.compat.fits import misfits

Answers = dict[str, list[dict[str, Any]]]

TOLD = (
    "CreateActivation",
    "DeleteActivation",
    "DeregisterManagedInstance",
    "DescribeActivations",
    "DescribeCloudAssistantSettings",
    "DescribeManagedInstances",
    "DisableActivation",
    "ListPluginStatus",
    "ModifyCloudAssistantSettings",
    "ModifyManagedInstance",
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """All that was answered to each operation, as it came, while a story was told."""
    told: Answers = {}
    with cloud(tmp_path_factory.mktemp("models")) as it:
        client = classic(it.endpoint)

        def call(action: str, **values: Any) -> Any:
            answer = client(action, RegionId="cn-hangzhou", **values)
            told.setdefault(action, []).append(answer)
            return answer

        made = call("CreateActivation", InstanceName="office", Tag=[{"Key": "k", "Value": "v"}])
        activation = {"ActivationId": made["ActivationId"]}
        machine = {"InstanceId": it.join(made["ActivationId"], made["ActivationCode"])}
        call("DescribeActivations", MaxResults=1)
        call("DescribeManagedInstances", MaxResults=1)
        call("ModifyManagedInstance", InstanceName="desk", **machine)
        said = [PluginStatus("ecs_dump", "ONCE_INSTALLED", "1.0")]
        joined = InstanceId(machine["InstanceId"])
        it.do(lambda world: world.control.plugins.report(joined, said))
        call("ListPluginStatus", **{"InstanceId.1": joined})
        call(
            "ModifyCloudAssistantSettings",
            SettingType="SessionManagerConfig",
            SessionManagerConfig={"SessionManagerEnabled": True},
        )
        types = {f"SettingType.{n}": one for n, one in enumerate(PURPOSES, start=1)}
        call("DescribeCloudAssistantSettings", **types)
        call("DisableActivation", **activation)
        call("DeregisterManagedInstance", **machine)
        call("DeleteActivation", **activation)
        hang_up()
    return told


@pytest.mark.parametrize("action", TOLD)
def test_the_answer_is_what_the_client_declares(answers: Answers, action: str) -> None:
    model = getattr(models, f"{action}ResponseBody")
    assert [list(misfits(models, model, answer)) for answer in answers[action]] == [[]]
