"""What the published agent can say of a command, and what the API shows for it: a state and a code
of the documents, never anything else."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.core.invocation import RepeatMode
from tests.official.host import Host
from tests.official.lab import LASTING, Lab

# Per-instance InvocationStatus of the documents, and the codes that go with each. Stopped is a
# state of the overview alone, and Scheduled is none that an agent brings about.
DOCUMENTED = {
    "Success": {""},
    "Failed": {"ExitCodeNonzero"},
    "Timeout": {"ExecutionTimeout"},
    "Cancelled": {""},
    "Terminated": {"", "TerminationException"},
    "Invalid": {
        "CommandNotApplicable",
        "CommandContentDecodeError",
        "DirectoryNotExists",
        "DefaultWorkingDirectoryNotAvailable",
        "AccountNotExists",
        "UserOrPasswordInvalid",
        "InvalidSystemBuiltInParameter",
        "InstanceRoleInvalid",
        "QueryParameterStoreFailed",
        "ExecutionException",
    },
    "Error": {
        "ExecutionException",
        "ExecutionInterrupted",
        "TaskConcurrencyLimit",
        "TerminationException",
        "InstanceRestarted",
        "ClientRestarted",
        "ClientNotResponse",
        "ClientNotOnline",
    },
    "Aborted": {"DeliveryTimeout", "ClientNotOnline", "ClientNeedUpgrade"},
}


def _documented(told: tuple[str, str]) -> None:
    state, code = told
    assert code in DOCUMENTED[state], told


@pytest.mark.parametrize(
    "order, told, exit_code, output",
    [
        ({"script": "echo hi"}, ("Success", ""), 0, b"hi\n"),
        ({"script": "echo hi; exit 3"}, ("Failed", "ExitCodeNonzero"), 3, b"hi\n"),
        ({"script": "kill -9 $$"}, ("Failed", "ExitCodeNonzero"), 137, b"Killed\n"),
        ({"script": "kill -9 $PPID"}, ("Failed", "ExitCodeNonzero"), -1, b""),
        ({"script": LASTING}, ("Timeout", "ExecutionTimeout"), None, b"begun\n"),
        ({"working_dir": "/nowhere"}, ("Invalid", "DirectoryNotExists"), None, b""),
        ({"username": "nobody-here"}, ("Invalid", "AccountNotExists"), None, b""),
        (
            {"username": "nobody"},
            ("Invalid", "DefaultWorkingDirectoryNotAvailable"),
            None,
            b"",
        ),
        (
            {"script": "{{ACS::Moon}}", "enable_parameter": True},
            ("Invalid", "InvalidSystemBuiltInParameter"),
            None,
            b"",
        ),
        # It would take no notice of it, and have the shell run a script of another language.
        ({"launcher": "python3"}, ("Aborted", "ClientNeedUpgrade"), None, b""),
        ({"repeat_mode": RepeatMode.DRY_RUN}, ("Success", ""), None, b""),
        (
            {"repeat_mode": RepeatMode.DRY_RUN, "working_dir": "/nowhere"},
            ("Invalid", "DirectoryNotExists"),
            None,
            b"",
        ),
    ],
)
async def test_what_becomes_of_a_command(
    lab: Lab,
    host: Host,
    order: dict[str, Any],
    told: tuple[str, str],
    exit_code: int | None,
    output: bytes,
) -> None:
    invoke_id = await lab.run(host, **{"script": "true", **order})

    view = await lab.ended(invoke_id)

    assert await lab.told(invoke_id) == told
    assert view.target.exit_code == exit_code
    assert view.output == output
    _documented(told)


@pytest.mark.parametrize(
    "kind, said, told",
    [
        ("error", {"errCode": -1, "errDesc": "x"}, ("Error", "ExecutionException")),
        ("error", {"errCode": -9, "errDesc": "x"}, ("Error", "ExecutionException")),
        ("error", {"errCode": 13, "errDesc": "x"}, ("Error", "ExecutionException")),
        ("error", {"errCode": "Surprise", "errDesc": "x"}, ("Error", "ExecutionException")),
        ("error", {}, ("Error", "ExecutionException")),
        ("error", {"errCode": "TaskConcurrencyLimit"}, ("Error", "TaskConcurrencyLimit")),
        ("invalid", {"param": "TypeInvalid", "value": "x"}, ("Invalid", "CommandNotApplicable")),
        ("invalid", {"param": "CommandContentInvalid"}, ("Invalid", "CommandContentDecodeError")),
        (
            "invalid",
            {"param": "UsernameOrPasswordInvalid", "value": "UsernameOrPasswordInvalid_bob: no"},
            ("Invalid", "UserOrPasswordInvalid"),
        ),
        ("invalid", {"param": "RoleNameFailed"}, ("Invalid", "InstanceRoleInvalid")),
        (
            "invalid",
            {"param": "ParameterStoreNotAccessible"},
            ("Invalid", "QueryParameterStoreFailed"),
        ),
        ("invalid", {"param": "ParameterFailed"}, ("Invalid", "QueryParameterStoreFailed")),
        ("invalid", {"param": "Surprise", "value": "x"}, ("Invalid", "ExecutionException")),
        ("invalid", {}, ("Invalid", "ExecutionException")),
        ("stopped", {"result": "killed", "start": 1}, ("Terminated", "")),
        ("stopped", {"result": "completed", "start": 0}, ("Error", "ExecutionInterrupted")),
        (
            "stopped",
            {"result": "failed", "start": 1, "errCode": "TerminationException"},
            ("Error", "TerminationException"),
        ),
    ],
)
async def test_what_else_an_agent_can_say(
    lab: Lab, host: Host, kind: str, said: dict[str, object], told: tuple[str, str]
) -> None:
    invoke_id = await lab.run(host, script=LASTING)
    await lab.is_in(invoke_id, "Running")

    await lab.agent(host).say(kind, {"taskId": invoke_id, "invokeVersion": 0, **said})

    assert await lab.told(invoke_id) == told
    _documented(told)


async def test_a_stop_of_what_runs(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script=LASTING)
    await lab.is_in(invoke_id, "Running")

    await lab.world.control.invocations.stop(invoke_id)
    await lab.ended(invoke_id)

    assert await lab.told(invoke_id) == ("Terminated", "")


async def test_a_stop_of_what_was_never_handed_out(lab: Lab, host: Host) -> None:
    host.network.down = True
    invoke_id = await lab.run(host)

    await lab.world.control.invocations.stop(invoke_id)

    assert await lab.told(invoke_id) == ("Cancelled", "")


async def test_what_waits_for_its_turn_and_is_stopped_is_ended_when_it_starts_all_the_same(
    lab: Lab, host: Host
) -> None:
    busy = [await lab.run(host, script=LASTING) for _ in range(10)]
    for invoke_id in busy:
        await lab.is_in(invoke_id, "Running")
    queued = await lab.run(host, script=LASTING, timeout=600)
    await lab.until(lambda: host.network.said("list", queued))

    await lab.world.control.invocations.stop(queued)
    await lab.ended(queued)
    assert await lab.told(queued) == ("Cancelled", "")

    await lab.world.control.invocations.stop(busy[0])  # it starts now
    await lab.is_in(queued, "Terminated")
    assert await lab.told(queued) == ("Terminated", "")
    assert host.network.said("running", queued)
