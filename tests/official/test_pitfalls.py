"""What a newcomer's control plane gets wrong of published agents, one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cloudhand.core.file import File, FileFilter, SendOrder
from cloudhand.core.ids import InstanceId, InvokeId
from cloudhand.core.invocation import RepeatMode
from cloudhand.core.power import State as PowerState
from tests.official import go
from tests.official.host import Host
from tests.official.lab import HELD, LASTING, Lab
from tests.sessions import start
from tests.world import ALL


async def _online(lab: Lab, host: Host) -> bool:
    page = await lab.world.control.agents.statuses([InstanceId(host.instance_id)], ALL)
    return page.items[0].online


async def test_01_a_slip_of_one_type_makes_a_list_unusable(lab: Lab, host: Host) -> None:
    invoke_ids = [
        await lab.run(host, repeat_mode=RepeatMode.DRY_RUN),
        await lab.run(host, enable_parameter=True, timeout=86_400),
    ]
    for invoke_id in invoke_ids:
        await lab.ended(invoke_id)
    assert not host.problems  # nor was there one in any other test


async def test_02_work_is_kicked_and_a_lost_kick_is_made_good(lab: Lab, host: Host) -> None:
    agent = lab.agent(host)
    agent.may_fetch = False  # its kicks are lost
    invoke_id = await lab.run(host)
    await lab.advance(seconds=3)
    assert await lab.told(invoke_id) == ("Pending", "")

    agent.may_fetch = True

    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")
    assert len(agent.kicks) > 1


async def test_03_that_a_kick_is_accepted_means_nothing(lab: Lab, host: Host) -> None:
    lab.agent(host).may_fetch = False
    invoke_id = await lab.run(host)

    await lab.ended(invoke_id)

    assert f"accept:kick_vm task run {invoke_id}" in lab.agent(host).answers
    assert await lab.told(invoke_id) == ("Aborted", "DeliveryTimeout")


async def test_04_what_is_due_when_an_agent_starts_is_in_its_first_list(
    lab: Lab, host: Host
) -> None:
    await lab.kill_agent(host)
    invoke_id = await lab.run(host)

    agent = await lab.start_agent(host)

    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")
    first = next(
        one for one in reversed(host.network.asked) if one.query.get("reason") == "startup"
    )
    assert first.query["cold_start"] == "false"
    assert not any(invoke_id in kick for kick in agent.kicks)


async def test_05_an_agent_whose_channel_was_refused_is_out_of_reach_although_it_beats(
    lab: Lab, host: Host
) -> None:
    await lab.restart(after=30)
    assert lab.agent(host).socket is None
    await lab.advance(minutes=2)
    assert await _online(lab, host)  # as the documents say of heart-beats

    aborted = await lab.run(host)
    view = await lab.ended(aborted)
    assert await lab.told(aborted) == ("Aborted", "DeliveryTimeout")
    assert "30 minutes" in view.target.error_info

    await lab.advance(minutes=28)
    invoke_id = await lab.run(host)
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")


async def test_05_a_short_restart_of_the_control_plane_is_not_noticed(lab: Lab, host: Host) -> None:
    await lab.restart(after=4)
    await lab.advance(seconds=3)
    invoke_id = await lab.run(host)
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")


async def test_06_output_is_the_pieces_and_the_tail_joined_as_bytes(lab: Lab, host: Host) -> None:
    text = "\N{LATIN SMALL LETTER E WITH ACUTE}" * 5000
    script = f"printf '%s' {text}; {HELD}; echo end"
    invoke_id = await lab.run(host, script=script)
    await lab.advance(seconds=20)
    await host.let_end()
    view = await lab.ended(invoke_id)

    pieces = host.network.said("running", invoke_id)
    assert any(len(piece.body) == 2048 for piece in pieces)
    assert view.output == f"{text}begun\nend\n".encode()
    assert view.dropped == 0


async def test_06_what_is_left_out_between_head_and_tail_is_counted(lab: Lab, host: Host) -> None:
    script = f"head -c 40000 /dev/zero | tr '\\0' x; {HELD}"
    invoke_id = await lab.run(host, script=script)
    await lab.advance(seconds=20)
    await host.let_end()
    view = await lab.ended(invoke_id)

    assert len(view.output) == 24 * 1024
    assert view.dropped == 40_006 - 24 * 1024


async def test_07_a_running_report_that_is_lost_costs_its_bytes_and_no_more(
    lab: Lab, host: Host
) -> None:
    script = f"head -c 5000 /dev/zero | tr '\\0' x; {HELD}"
    invoke_id = await lab.run(host, script=script)
    await lab.is_in(invoke_id, "Running")
    host.network.refused["running"] = 500
    await lab.advance(seconds=4)
    host.network.refused.clear()
    await lab.advance(seconds=4)
    await host.let_end()
    view = await lab.ended(invoke_id)

    assert await lab.told(invoke_id) == ("Success", "")
    assert len(view.output) == 5006 - 2048


async def test_08_an_end_whose_answer_is_lost_is_heard_once(lab: Lab, host: Host) -> None:
    host.network.mute.add("finish")
    invoke_id = await lab.run(host, script="echo once")
    await lab.advance(seconds=10)

    view = await lab.result(invoke_id)
    assert len(host.network.said("finish", invoke_id)) == 4
    assert (view.target.state, view.output) == ("Success", b"once\n")


async def test_08_late_words_change_nothing(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script="echo once")
    await lab.ended(invoke_id)

    who = {"taskId": invoke_id, "invokeVersion": 0, "start": 1}
    await lab.agent(host).say("running", who, b"late")
    await lab.agent(host).say("stopped", who | {"exitcode": 0, "result": "killed"}, b"late")
    await lab.advance(seconds=30)

    view = await lab.result(invoke_id)
    assert (view.target.state, view.output) == ("Success", b"once\n")


async def test_09_nothing_is_answered_with_400(lab: Lab, host: Host) -> None:
    agent = lab.agent(host)
    refused = []
    for path, query in (
        ("/luban/api/v1/task/finish", {"exitCode": "x", "taskId": "t-1"}),
        ("/luban/api/v1/task/finish", {}),
        ("/luban/api/nothing", {}),
    ):
        status, _ = await agent.ask(path, query)
        refused.append(status)
    host.machine_id = "another"
    refused.append((await agent.ask("/luban/api/v1/task/list", {"reason": "kickoff"}))[0])
    host.machine_id = "machine-1"
    assert refused == [422, 422, 404, 401]


async def test_10_an_id_is_handed_out_no_more_once_it_has_ended(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script="echo once")
    await lab.ended(invoke_id)
    agent = lab.agent(host)

    await agent.fetch({"reason": "kickoff", "taskId": invoke_id})
    await agent.fetch({"reason": "kickoff"})
    await lab.advance(seconds=10)

    assert await lab.told(invoke_id) == ("Success", "")
    assert not host.network.said("error")


async def test_11_root_is_not_named(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, username="root")
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")


async def test_12_parameters_are_filled_in_where_they_are_known(lab: Lab, host: Host) -> None:
    script = "echo {{who}} {{ACS::InstanceId}} {{ACS::InvokeId}} {{ACS::RegionId}}"
    invoke_id = await lab.run(host, script=script, enable_parameter=True, parameters={"who": "me"})
    view = await lab.ended(invoke_id)
    said = f"me {host.instance_id} {invoke_id} cn-hangzhou\n"
    assert view.output == said.encode()


async def test_12_without_parameters_nothing_is_filled_in(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script="echo '{{who}} {{ACS::InstanceId}}'")
    assert (await lab.ended(invoke_id)).output == b"{{who}} {{ACS::InstanceId}}\n"


async def test_13_children_outlive_a_timeout_and_it_says_so(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(host, script=LASTING, timeout=10)
    view = await lab.ended(invoke_id)
    assert host.processes[0].survivors
    assert "its shell was ended" in view.target.error_info


async def test_14_a_restart_by_exit_code_ends_what_else_ran(lab: Lab, host: Host) -> None:
    other = await lab.run(host, script=LASTING, timeout=3600)
    await lab.is_in(other, "Running")
    restarts = await lab.run(host, script="echo bye; exit 194")
    await lab.ended(restarts)
    assert await lab.told(restarts) == ("Success", "")

    await lab.advance(seconds=30)

    assert host.asked_for == ["restart"]
    assert host.network.said("list")[-1].query["cold_start"] == "true"
    action = (await lab.result(restarts)).power_action
    assert action is not None and action.state is PowerState.DONE
    assert await lab.told(other) == ("Error", "InstanceRestarted")


async def test_14_a_machine_that_restarts_right_after_a_boot_has_restarted(
    lab: Lab, host: Host
) -> None:
    host.booted_at = lab.world.clock.now() - timedelta(seconds=10)
    await lab.advance(seconds=61)  # its uptime is told
    for _ in range(2):
        restarts = await lab.run(host, script="exit 194")
        await lab.ended(restarts)
        await lab.advance(seconds=25)
        action = (await lab.result(restarts)).power_action
        assert action is not None and action.state is PowerState.DONE


async def test_14_the_machine_goes_down_although_its_report_is_refused(
    lab: Lab, host: Host
) -> None:
    host.network.refused["finish"] = 500
    invoke_id = await lab.run(host, script="exit 194")
    await lab.advance(seconds=40)
    assert host.asked_for == ["restart"]
    assert await lab.told(invoke_id) == ("Error", "InstanceRestarted")


async def test_15_schedules_outlive_agents_that_forget_them(lab: Lab, host: Host) -> None:
    invoke_id = await lab.run(
        host, script="echo again", repeat_mode=RepeatMode.PERIOD, frequency="rate(2m)"
    )
    await lab.advance(minutes=2, seconds=5)
    await lab.kill_agent(host)
    await lab.start_agent(host)
    await lab.advance(minutes=2)
    assert len(host.network.said("finish", f"{invoke_id}.1")) == 1
    assert len(host.network.said("finish", f"{invoke_id}.2")) == 1


async def test_16_a_moment_is_in_utc_and_the_control_planes_to_keep(lab: Lab, host: Host) -> None:
    at = lab.world.clock.now() + timedelta(minutes=3)
    invoke_id = await lab.run(
        host, repeat_mode=RepeatMode.PERIOD, frequency=f"at({at:%Y-%m-%d %H:%M:%S})"
    )
    await lab.advance(minutes=2, seconds=55)
    assert not host.network.said("finish")
    await lab.advance(seconds=10)
    assert await lab.told(invoke_id) == ("Success", "")


async def test_17_fields_are_read_as_each_report_spells_them(lab: Lab, host: Host) -> None:
    """The exit code of a stop, and reports of files, which have no times."""
    invoke_id = await lab.run(host, script=LASTING)
    await lab.is_in(invoke_id, "Running")
    await lab.world.control.invocations.stop(invoke_id)
    await lab.ended(invoke_id)
    (said,) = host.network.said("stopped", invoke_id)
    assert "exitcode" in said.query and "exitCode" not in said.query

    await _send(lab, host, "a.txt")
    (said,) = [one for one in host.network.said("finish") if "taskType" in one.query]
    assert "errorcode" in said.query and "start" not in said.query


async def _send(lab: Lab, host: Host, name: str) -> InvokeId:
    file = File(name=name, directory=str(host.folder), content=b"content")
    order = SendOrder(file=file, instance_ids=[InstanceId(host.instance_id)])
    invoke_id = await lab.world.control.files.send(order)
    await lab.advance(seconds=1)
    return invoke_id


async def test_18_a_file_is_signed_as_its_text_and_handed_out_once(lab: Lab, host: Host) -> None:
    await _send(lab, host, "a.txt")
    await lab.agent(host).fetch({"reason": "kickoff"})
    await lab.advance(minutes=3)
    assert (host.folder / "a.txt").read_bytes() == b"content"
    (said,) = [one for one in host.network.said("finish") if "taskType" in one.query]
    assert said.query["status"] == "Success"


@pytest.mark.parametrize("name", ["two words.txt", "\u6587\u4ef6.txt", "100% & more.txt"])
async def test_18_what_an_agent_does_not_escape_is_understood(
    lab: Lab, host: Host, name: str
) -> None:
    (host.folder / name).touch()
    invoke_id = await _send(lab, host, name)

    page = await lab.world.control.files.find(FileFilter(invoke_id=invoke_id), ALL)

    (target,) = page.items[0].targets
    assert (target.state, target.error_code) == ("Invalid", "FileAlreadyExists")
    assert target.error_info.startswith(f"FileExist: {name.partition(' &')[0]}")


async def test_23_of_several_sessions_an_agent_is_given_the_one_that_it_asks_for(
    lab: Lab, host: Host
) -> None:
    instance_id = InstanceId(host.instance_id)
    lab.agent(host).may_fetch = False
    started = [await start(lab.world, instance_id) for _ in range(2)]
    for one in started:
        _, body = await lab.agent(host).ask("/luban/api/v1/session/list", {"channelId": one.id})
        (item,) = go.read(body, go.SESSIONS)["session"]
        assert item["channelId"] == one.id


async def test_20_nothing_that_crashes_an_agent_is_sent(lab: Lab, host: Host) -> None:
    await lab.run(host)
    await lab.world.control.invocations.stop(await lab.run(host))
    await lab.advance(minutes=2)
    assert not lab.agent(host).deaf
    assert all(answer.startswith("accept:") for answer in lab.agent(host).answers)
    asked = host.network.said("list_instance_state_configurations")
    assert len(asked) == 1
    await lab.advance(hours=1)
    assert len(host.network.said("list_instance_state_configurations")) == 1  # daily


async def test_22_a_signature_is_of_the_machine_as_it_registered(lab: Lab, host: Host) -> None:
    agent = lab.agent(host)
    status, _ = await agent.ask("/luban/api/v1/task/list", {"reason": "kickoff"})
    assert status == 200
    own, host.instance_id = host.instance_id, ""  # as after it was deregistered
    status, _ = await agent.ask("/luban/api/v1/task/list", {"reason": "kickoff"})
    assert status == 401
    host.instance_id = own


async def test_24_two_machines_with_one_machine_id_are_two(lab: Lab, host: Host) -> None:
    twin = await lab.join(machine_id=host.machine_id)
    invoke_id = await lab.run(twin, script="echo twin")
    await lab.ended(invoke_id)
    assert not host.network.said("finish")
    assert twin.network.said("finish", invoke_id)


async def test_25_an_agent_that_forgot_its_registration_leaves_an_instance_that_is_offline(
    lab: Lab, host: Host
) -> None:
    host.network.refused["deregister"] = 500
    status, _ = await lab.agent(host).ask("/luban/api/instance/deregister", {})
    assert status == 500
    await lab.kill_agent(host)  # and forgets who it was
    await lab.advance(minutes=3)
    assert not await _online(lab, host)

    invoke_id = await lab.run(host)
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Aborted", "ClientNotOnline")
    await lab.world.control.managed.deregister(InstanceId(host.instance_id))
