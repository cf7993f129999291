"""Whatever becomes of an agent, its machine or the way to it: each command comes to a true end by
its deadline, and stays there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from cloudhand.core.ids import InvokeId
from cloudhand.core.power import Kind
from cloudhand.core.power import State as PowerState
from tests.official.host import Host, Manner
from tests.official.lab import LASTING, Lab

Moment = Callable[[Lab, Host], Awaitable[InvokeId]]
Fate = Callable[[Lab, Host], Awaitable[None]]

_TIMEOUT = 10  # seconds; with this and all that may be waited for a command has ended
_ENOUGH = _TIMEOUT + 60 + 60 + 20


async def unheard(lab: Lab, host: Host) -> InvokeId:
    lab.agent(host).may_fetch = False
    return await lab.run(host, script=LASTING, timeout=_TIMEOUT)


async def fetched(lab: Lab, host: Host) -> InvokeId:
    """Its start is not heard."""
    host.network.refused["running"] = 500
    invoke_id = await lab.run(host, script=LASTING, timeout=_TIMEOUT)
    await lab.until(lambda: host.network.said("running", invoke_id))
    return invoke_id


async def running(lab: Lab, host: Host) -> InvokeId:
    invoke_id = await lab.run(host, script=LASTING, timeout=_TIMEOUT)
    await lab.is_in(invoke_id, "Running")
    return invoke_id


async def stopping(lab: Lab, host: Host) -> InvokeId:
    """That it has stopped is not heard."""
    invoke_id = await running(lab, host)
    host.network.refused["stopped"] = 500
    await lab.world.control.invocations.stop(invoke_id)
    await lab.until(lambda: host.network.said("stopped", invoke_id))
    return invoke_id


async def ended(lab: Lab, host: Host) -> InvokeId:
    """Its end is not heard."""
    host.network.refused["finish"] = 500
    invoke_id = await lab.run(host, script="echo hi", timeout=_TIMEOUT)
    await lab.until(lambda: len(host.network.said("finish", invoke_id)) == 4)
    return invoke_id


async def lives(lab: Lab, host: Host) -> None:
    """Nothing becomes of it."""


async def dies(lab: Lab, host: Host) -> None:
    await lab.kill_agent(host)


async def agent_restarts(lab: Lab, host: Host) -> None:
    await lab.kill_agent(host)
    await lab.advance(seconds=1)
    await lab.start_agent(host)


async def machine_restarts(lab: Lab, host: Host) -> None:
    await lab.lose_power(host)
    await lab.advance(seconds=10)
    await lab.boot(host)


async def falls_silent(lab: Lab, host: Host) -> None:
    host.network.down = True
    socket = lab.agent(host).socket
    assert socket is not None
    socket.transport.abort()


async def control_plane_restarts(lab: Lab, host: Host) -> None:
    await lab.restart(after=3)


_OVER, _OFFLINE = ("Timeout", "ExecutionTimeout"), "ClientNotOnline"
_ENDS: dict[tuple[Moment, Fate], tuple[str, str]] = {
    (unheard, lives): ("Aborted", "DeliveryTimeout"),
    (unheard, dies): ("Aborted", _OFFLINE),
    (unheard, agent_restarts): _OVER,  # it is in the first list
    (unheard, machine_restarts): _OVER,
    (unheard, falls_silent): ("Aborted", _OFFLINE),
    (unheard, control_plane_restarts): ("Aborted", "DeliveryTimeout"),
    (fetched, lives): _OVER,
    (fetched, dies): ("Error", _OFFLINE),
    (fetched, agent_restarts): ("Error", "ClientRestarted"),
    (fetched, machine_restarts): ("Error", "InstanceRestarted"),
    (fetched, falls_silent): ("Error", _OFFLINE),
    (fetched, control_plane_restarts): _OVER,
    (running, lives): _OVER,
    (running, dies): ("Error", _OFFLINE),
    (running, agent_restarts): ("Error", "ClientRestarted"),
    (running, machine_restarts): ("Error", "InstanceRestarted"),
    (running, falls_silent): ("Error", _OFFLINE),
    (running, control_plane_restarts): _OVER,
    (stopping, lives): ("Error", "TerminationException"),
    (stopping, dies): ("Error", "TerminationException"),
    (stopping, agent_restarts): ("Error", "ClientRestarted"),
    (stopping, machine_restarts): ("Error", "InstanceRestarted"),
    (stopping, falls_silent): ("Error", "TerminationException"),
    (ended, lives): ("Error", "ClientNotResponse"),
    (ended, dies): ("Error", _OFFLINE),
    (ended, agent_restarts): ("Error", "ClientRestarted"),
    (ended, machine_restarts): ("Error", "InstanceRestarted"),
    (ended, falls_silent): ("Error", _OFFLINE),
}


@pytest.mark.parametrize(
    ("moment", "fate", "told"),
    [(*when, told) for when, told in _ENDS.items()],
    ids=[f"{moment.__name__}-{fate.__name__}" for moment, fate in _ENDS],
)
async def test_each_command_ends(
    lab: Lab, host: Host, moment: Moment, fate: Fate, told: tuple[str, str]
) -> None:
    invoke_id = await moment(lab, host)

    await fate(lab, host)
    await lab.advance(seconds=_ENOUGH)

    assert await lab.told(invoke_id) == told
    assert (await lab.result(invoke_id)).target.final


async def test_a_stop_whose_report_was_lost_is_known_by_the_next_answer(
    lab: Lab, host: Host
) -> None:
    invoke_id = await stopping(lab, host)
    await lab.advance(seconds=7)  # four tries
    host.network.refused.clear()

    await lab.ended(invoke_id)

    assert await lab.told(invoke_id) == ("Error", "ExecutionInterrupted")


async def test_an_end_that_is_heard_after_all_replaces_what_was_inferred(
    lab: Lab, host: Host
) -> None:
    invoke_id = await running(lab, host)
    await falls_silent(lab, host)
    await lab.advance(seconds=_ENOUGH)
    assert await lab.told(invoke_id) == ("Error", "ClientNotOnline")

    host.network.down = False
    said = {"taskId": invoke_id, "invokeVersion": 0, "start": 1, "end": 2, "exitCode": 0}
    await lab.agent(host).say("finish", said, b"all")

    view = await lab.result(invoke_id)
    assert (view.target.state, view.target.inferred) == ("Success", False)


async def test_what_an_agent_was_given_before_a_beat_of_it_was_heard_goes_on(
    lab: Lab, host: Host
) -> None:
    """Its first beats are refused, and its first list is not."""
    before = await running(lab, host)
    await lab.kill_agent(host)
    await lab.advance(seconds=1)
    host.network.refused["heart-beat"] = 403
    invoke_id = await lab.run(host, script=LASTING, timeout=600)
    await lab.start_agent(host)
    await lab.is_in(invoke_id, "Running")

    host.network.refused.clear()
    await lab.advance(seconds=70)

    assert await lab.told(before) == ("Error", "ClientRestarted")
    assert await lab.told(invoke_id) == ("Running", "")


@pytest.mark.parametrize(("code", "kind"), [(193, Kind.STOP), (194, Kind.RESTART)])
async def test_a_power_action_is_done_when_its_machine_shows_it(
    lab: Lab, host: Host, code: int, kind: Kind
) -> None:
    invoke_id = await lab.run(host, script=f"exit {code}")
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")

    await lab.advance(minutes=11)

    assert host.asked_for == [kind]
    action = (await lab.result(invoke_id)).power_action
    assert action is not None
    assert (action.kind, action.state) == (kind, PowerState.DONE)


async def test_an_agent_that_is_too_old_does_not_restart_its_machine(lab: Lab) -> None:
    host = await lab.join(Manner(version="2.2.3.316"))
    invoke_id = await lab.run(host, script="exit 194")
    await lab.ended(invoke_id)
    await lab.advance(minutes=1)
    assert await lab.told(invoke_id) == ("Failed", "ExitCodeNonzero")
    assert host.asked_for == []
