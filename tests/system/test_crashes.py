"""What is killed in the middle, and started again: nothing runs twice, and no result is lost."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError
from cloudhand.cli.follow import Result
from tests.system import processes
from tests.system.innards import agent_of, init_of
from tests.system.meeting import Meeting
from tests.system.place import Plane
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

_ENDINGS = (0, 3, 194)  # one exit code for each of three instances


def _lines(instance_id: str) -> str:
    """A file that outlives a restart; plain processes share their machine's directories."""
    return f"/var/tmp/cloudhand-test-{instance_id}"


def _once(plane: Plane, ids: Sequence[str]) -> None:
    """Each script wrote its one line."""
    for instance_id in ids:
        lines = _lines(instance_id)
        assert plane.run(instance_id, f"cat {lines}; rm {lines}").output == b"ran\n"


def _ask_each(plane: Plane, ids: Sequence[str], meeting: Meeting) -> list[str]:
    return [
        plane.ask([i], _script(i, meeting, code)) for i, code in zip(ids, _ENDINGS, strict=True)
    ]


def _script(instance_id: str, meeting: Meeting, code: int) -> str:
    write = f"echo ran >> {_lines(instance_id)}"
    return meeting.script(instance_id, before=write, after=f"echo bye $word; exit {code}")


def _as_they_ended(plane: Plane, invoke_ids: Sequence[str], word: str) -> None:
    ends = []
    for invoke_id in invoke_ids:
        (result,) = plane.settled(invoke_id)
        assert result.output == f"bye {word}\n".encode()
        ends.append((result.status, result.exit_code, _power(result)))
    assert ends == [("Success", 0, ""), ("Failed", 3, ""), ("Success", 194, "Done")]


def _power(result: Result) -> str:
    return result.power.status if result.power else ""


def test_a_killed_control_plane_finds_three_commands_that_ran_on(
    own: Plane, meeting: Meeting
) -> None:
    own.start()
    ids = own.instances(3)
    invoke_ids = _ask_each(own, ids, meeting)
    guests = meeting.guests(3)

    own.kill()
    own.start()
    for guest in guests:
        guest.release("after")

    _as_they_ended(own, invoke_ids, "after")
    own.wait(ids)
    _once(own, ids)


def test_a_killed_control_plane_hears_of_three_commands_that_ended_without_it(
    own: Plane, meeting: Meeting
) -> None:
    own.start()
    ids = own.instances(3)
    invoke_ids = _ask_each(own, ids, meeting)
    guests = meeting.guests(3)

    own.kill()
    for guest in guests:
        guest.release("meanwhile")
        guest.gone()
    own.start()

    _as_they_ended(own, invoke_ids, "meanwhile")
    own.wait(ids)
    _once(own, ids)


def test_a_machine_does_not_go_down_before_its_result_is_safe(own: Plane, meeting: Meeting) -> None:
    own.start()
    (instance_id,) = own.instances()
    invoke_id = own.ask([instance_id], meeting.script(after="echo bye; exit 194"))
    guest = meeting.guest()
    init = init_of(invoke_id)

    own.kill()
    guest.release()
    guest.gone()

    # Nobody acknowledges, so the machine stays as it is.
    assert init in processes.processes()
    own.start()
    assert init in processes.processes()
    (result,) = own.settled(invoke_id)
    assert (result.status, result.exit_code, result.output) == ("Success", 194, b"bye\n")
    assert result.power is not None
    assert result.power.boot_id_before != result.power.boot_id_after
    until(lambda: init not in processes.processes(), what="the end of the old boot")


@pytest.mark.parametrize("seed", range(2))
def test_a_control_plane_that_is_killed_at_any_moment_tells_the_truth_in_the_end(
    own: Plane, meeting: Meeting, seed: int
) -> None:
    chance = random.Random(seed)
    own.start()
    ids = own.instances(3)
    invoke_ids = _ask_each(own, ids, meeting)
    assert own.process is not None
    # Somewhere between the first fetch and the restart.
    with processes.signalled_within(own.process.pid, chance.uniform(0, 0.4)):
        for _ in ids:
            meeting.guest().release("sometime")
    own.kill()
    own.start()

    _as_they_ended(own, invoke_ids, "sometime")
    assert meeting.nobody()
    own.wait(ids)
    _once(own, ids)


@pytest.mark.parametrize("seed", range(2))
def test_what_was_answered_is_there_and_nothing_by_halves(own: Plane, seed: int) -> None:
    own.start()
    ids = own.instances(2)
    assert own.process is not None
    chance = random.Random(seed)
    endpoint = own.client.endpoint

    def ask_until_nobody_answers(answered: list[str]) -> None:
        order = {"Type": "RunShellScript", "CommandContent": "true", "InstanceId": ids}
        with closing(Client(endpoint)) as client, suppress(ClientError):
            while True:
                answered.append(client.call("RunCommand", order)["InvokeId"])

    answers: list[list[str]] = [[] for _ in range(6)]
    with ThreadPoolExecutor(len(answers)) as callers:
        asking = [callers.submit(ask_until_nobody_answers, each) for each in answers]
        until(lambda: all(answers), what="an answer to each")
        with processes.signalled_within(own.process.pid, chance.uniform(0, 0.1)):
            for each in asking:
                each.result()
    own.kill()
    own.start()

    kept = _everything(own)
    assert {invoke_id for each in answers for invoke_id in each} <= kept.keys()
    assert {len(targets) for targets in kept.values()} == {2}
    until(lambda: _ends(own) == {"Success"}, at_most=60, what="the end of all")


def _everything(plane: Plane) -> dict[str, list[str]]:
    """The statuses of the targets of every invocation there is."""
    found: dict[str, list[str]] = {}
    more: dict[str, object] = {}
    while True:
        page = plane.call("DescribeInvocations", MaxResults=50, **more)
        for one in page["Invocations"]["Invocation"]:
            targets = one["InvokeInstances"]["InvokeInstance"]
            found[one["InvokeId"]] = [target["InvocationStatus"] for target in targets]
        if not page["NextToken"]:
            return found
        more = {"NextToken": page["NextToken"]}


def _ends(plane: Plane) -> set[str]:
    return {status for targets in _everything(plane).values() for status in targets}


def test_a_killed_agent_finds_three_scripts_that_ran_on(shared: Plane, meeting: Meeting) -> None:
    ids = shared.instances(3)
    invoke_ids = _ask_each(shared, ids, meeting)
    guests = meeting.guests(3)
    boots = [shared.boot_id(i) for i in ids]

    for invoke_id in invoke_ids:
        os.kill(agent_of(invoke_id), signal.SIGKILL)
    for guest in guests:
        guest.release("after")

    _as_they_ended(shared, invoke_ids, "after")
    shared.wait(ids)
    _once(shared, ids)
    again = [shared.boot_id(i) for i in ids]
    assert again[:2] == boots[:2]
    assert again[2] != boots[2]
    shared.release(ids)


@pytest.mark.parametrize("seed", range(2))
def test_an_agent_that_is_killed_at_any_moment_tells_the_truth_in_the_end(
    shared: Plane, meeting: Meeting, seed: int
) -> None:
    chance = random.Random(seed)
    ids = shared.instances(3)
    invoke_ids = _ask_each(shared, ids, meeting)
    guests = meeting.guests(3)
    agents = [agent_of(invoke_id) for invoke_id in invoke_ids]

    with ExitStack() as killers:
        for agent in agents:
            killers.enter_context(processes.signalled_within(agent, chance.uniform(0, 0.1)))
        for guest in guests:
            guest.release("sometime")

    _as_they_ended(shared, invoke_ids, "sometime")
    assert meeting.nobody()
    shared.wait(ids)
    _once(shared, ids)
    shared.release(ids)
