"""Later published agents, as far as single files of theirs show how they behave."""

from __future__ import annotations

import pytest

from tests.official.host import Host, Manner
from tests.official.lab import HELD, LASTING, Lab


@pytest.fixture
async def host(lab: Lab) -> Host:
    return await lab.join(Manner(version="2.2.3.1065", newer=True))


async def test_a_stop_is_told_with_all_output_once_the_process_has_ended(
    lab: Lab, host: Host
) -> None:
    invoke_id = await lab.run(host, script=LASTING, termination_mode="ProcessTree")
    await lab.is_in(invoke_id, "Running")
    await lab.world.control.invocations.stop(invoke_id)

    view = await lab.ended(invoke_id)

    assert (view.target.state, view.output) == ("Terminated", b"begun\n")
    await host.processes[0].nobody_is_left()


async def test_a_timeout_ends_the_whole_tree_if_that_was_asked(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script=LASTING, timeout=10, termination_mode="ProcessTree")
    view = await lab.ended(invoke_id)
    assert "its whole tree was ended" in view.target.error_info
    await host.processes[0].nobody_is_left()


async def test_a_piece_that_was_lost_comes_with_the_next(lab: Lab, host: Host) -> None:
    script = f"head -c 5000 /dev/zero | tr '\\0' x; {HELD}"
    invoke_id = await lab.run(host, script=script)
    await lab.is_in(invoke_id, "Running")
    host.network.refused["running"] = 500
    await lab.advance(seconds=4)
    host.network.refused.clear()
    await host.let_end()

    view = await lab.ended(invoke_id)

    assert view.output == b"x" * 5000 + b"begun\n"


async def test_its_channel_is_back_soon_after_the_control_plane(lab: Lab, host: Host) -> None:
    await lab.restart(after=30)
    await lab.advance(seconds=70)
    invoke_id = await lab.run(host)
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")


async def test_no_answer_ends_what_runs(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script=LASTING, timeout=300)
    await lab.advance(seconds=200)
    assert await lab.told(invoke_id) == ("Running", "")


async def test_what_could_not_be_stopped_is_told(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script=LASTING)
    await lab.is_in(invoke_id, "Running")
    said = {"exitcode": 0, "result": "failed", "errCode": "TerminationException", "errDesc": "no"}
    who = {"taskId": invoke_id, "invokeVersion": 0, "start": 1, "end": 2}
    await lab.agent(host).say("stopped", who | said)
    view = await lab.result(invoke_id)
    assert (view.target.state, view.target.error_code) == ("Error", "TerminationException")
    assert view.target.error_info == "no"
