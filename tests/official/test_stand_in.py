"""The stand-in itself has the faults of the published agent, or it would prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.official import go
from tests.official.host import Host
from tests.official.lab import Lab


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"CODE": 200, "Run": null}', {"code": 200, "run": [], "instanceId": ""}),
        (b'{"run": [{"task": {"taskid": "t-1"}}], "more": 1}', {"code": 0}),
    ],
)
def test_names_are_read_in_any_case_and_null_is_nothing(text: bytes, found: dict[str, Any]) -> None:
    assert found.items() <= go.read(text, go.WORK).items()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"code": "200"}',
        b'{"code": 200.5}',
        b'{"run": [{"task": {"timeOut": 60}}]}',
        b'{"run": [{"output": {"interval": 1.5}}]}',
        b'{"run": [{"task": {"enableParameter": 1}}]}',
        b'{"run": [{"task": {"builtInParameter": {"x": 1}}}]}',
    ],
)
def test_one_wrong_type_spoils_a_whole_list(text: bytes) -> None:
    with pytest.raises(go.Unusable):
        go.read(text, go.WORK)


async def test_it_takes_a_400_for_success_and_others_four_times(lab: Lab, host: Host) -> None:
    for status, tries in ((400, 1), (401, 4), (500, 4)):
        host.network.refused["finish"] = status
        invoke_id = await lab.run(host)
        await lab.advance(seconds=30)
        assert len(host.network.said("finish", invoke_id)) == tries


async def test_it_runs_an_id_once_although_it_was_restarted(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host)
    await lab.ended(invoke_id)
    assert (host.scripts / f"{invoke_id}.sh").exists()
    (host.scripts / "t-again.sh").touch()

    body = b'{"run": [{"task": {"taskID": "t-again", "type": "RunShellScript"}, "repeat": "Once"}]}'
    await lab.agent(host).take_up(body)
    await lab.settle()

    (said,) = host.network.said("error", "t-again")
    assert said.query["errCode"] == "-9"
