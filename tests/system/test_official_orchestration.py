"""The story of a template through the official SDK, on real instances: made, executed, watched."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_oos20190601 import models
from alibabacloud_oos20190601.client import Client
from alibabacloud_tea_openapi.models import Config

from cloudhand.cli.endpoint import find_endpoint
from tests.system.place import Plane
from tests.system.waiting import until

_OURS = Path(__file__).parent.parent / "rehearsals" / "templates" / "run_and_restart.yml"
# The publisher's own template that runs a command on instances and restarts them.
_PUBLISHED = "CLOUDHAND_PUBLISHED_TEMPLATE"
_ONE = {"Mode": "Concurrency", "Concurrency": 1, "MaxErrors": 0}


@pytest.fixture(params=["ours", "published"])
def content(request: pytest.FixtureRequest) -> str:
    if request.param == "ours":
        return _OURS.read_text()
    if _PUBLISHED not in os.environ:
        pytest.skip(f"{_PUBLISHED} names no template")
    return Path(os.environ[_PUBLISHED]).read_text()


@pytest.fixture
def fleet(shared: Plane) -> Iterator[list[str]]:
    """Three machines, in the order of their ids."""
    ids = shared.instances(3)
    yield sorted(ids)
    shared.release(ids)


class _Oos:
    """The official client, asked for what a program of its users asks for."""

    def __init__(self, plane: Plane) -> None:
        endpoint = find_endpoint(plane.state)
        scheme, _, address = endpoint.url.partition("://")
        self._region = endpoint.region_id
        self._client = Client(
            Config(
                access_key_id=endpoint.access_key_id,
                access_key_secret=endpoint.access_key_secret,
                endpoint=address,
                protocol=scheme,
            )
        )

    def execute(self, content: str, name: str, **parameters: Any) -> dict[str, Any]:
        """What became of it in the end."""
        client, region = self._client, self._region
        client.create_template(
            models.CreateTemplateRequest(region_id=region, template_name=name, content=content)
        )
        try:
            started = client.start_execution(
                models.StartExecutionRequest(
                    region_id=region, template_name=name, parameters=json.dumps(parameters)
                )
            ).body.execution
            return until(lambda: self._ended(started.execution_id), at_most=120)
        finally:
            client.delete_template(
                models.DeleteTemplateRequest(region_id=region, template_name=name)
            )

    def _ended(self, execution_id: str) -> dict[str, Any] | None:
        found = self._client.list_executions(
            models.ListExecutionsRequest(region_id=self._region, execution_id=execution_id)
        ).body.executions[0]
        return found.to_map() if found.status in ("Success", "Failed", "Cancelled") else None

    def items(self, execution: dict[str, Any], task: str) -> list[dict[str, Any]]:
        """Of a loop, in their order."""
        listed = self._client.list_task_executions(
            models.ListTaskExecutionsRequest(
                region_id=self._region,
                execution_id=execution["ExecutionId"],
                task_name=task,
                include_child_task_execution=True,
                max_results=100,
            )
        ).body.task_executions
        found = [one.to_map() for one in listed if one.loop_item]
        return sorted(found, key=lambda one: one["TaskExecutionId"])


def _targets(ids: list[str]) -> dict[str, Any]:
    return {"Type": "ResourceIds", "ResourceIds": ids, "RegionId": "cn-hangzhou"}


def _states(items: list[dict[str, Any]]) -> dict[str, str]:
    return {one["LoopItem"]: one["Status"] for one in items}


def test_a_command_is_run_and_machines_are_restarted(
    shared: Plane, fleet: list[str], content: str
) -> None:
    oos, boots = _Oos(shared), {one: shared.boot_id(one) for one in fleet}

    done = oos.execute(
        content, "story", targets=_targets(fleet), commandContent="echo hello from $(hostname)"
    )

    assert (done["Status"], done["StatusMessage"]) == ("Success", "")
    assert sorted(json.loads(done["Outputs"])["instanceIds"]) == fleet
    names = {one: shared.run(one, "hostname").output.decode().strip() for one in fleet}
    said = {
        one["LoopItem"]: json.loads(one["Outputs"])["commandOutput"]
        for one in oos.items(done, "runCommand")
    }
    assert said == {one: f"hello from {names[one]}\n" for one in fleet}
    assert _states(oos.items(done, "rebootInstance")) == dict.fromkeys(fleet, "Success")
    assert not set(boots.values()) & {shared.boot_id(one) for one in fleet}


@pytest.mark.parametrize(
    ("rate", "states"),
    [
        (_ONE, ["Success", "Failed", "Skipped"]),
        ({**_ONE, "MaxErrors": 1}, ["Success", "Failed", "Success"]),
        ({**_ONE, "Concurrency": "100%"}, ["Success", "Failed", "Success"]),
        ({"Mode": "Batch", "Batch": [1, 1, 1], "MaxErrors": 0}, ["Success", "Failed", "Skipped"]),
        (
            {
                "Mode": "Batch",
                "Batch": ["50%"],
                "BatchPauseOption": "Automatic",
                "MaxErrors": "100%",
            },
            ["Success", "Failed", "Success"],
        ),
    ],
    ids=lambda one: json.dumps(one) if isinstance(one, dict) else None,
)
def test_with_a_machine_that_fails_exactly_the_documented_items_run(
    shared: Plane, fleet: list[str], content: str, rate: dict[str, Any], states: list[str]
) -> None:
    bad = shared.run(fleet[1], "hostname").output.decode().strip()

    done = _Oos(shared).execute(
        content,
        "failing",
        targets=_targets(fleet),
        commandContent=f'test "$(hostname)" != {bad}',
        rateControl=rate,
    )

    items = _Oos(shared).items(done, "runCommand")
    assert [one["LoopItem"] for one in items] == fleet
    assert [one["Status"] for one in items] == states
    bearable = rate["MaxErrors"] != 0
    assert done["Status"] == ("Success" if bearable else "Failed")
    restarted = _states(_Oos(shared).items(done, "rebootInstance"))
    assert restarted == (dict.fromkeys(fleet, "Success") if bearable else {})
