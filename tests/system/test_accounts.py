"""Accounts beside the first, with machines of their own."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest

from cloudhand.cli import fleet, follow
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError
from tests.system.place import Place, Plane, lines_until, mode_options
from tests.system.waiting import until

pytestmark = pytest.mark.drawn


def exported(printed: str) -> dict[str, str]:
    """What a shell would take from what was printed."""
    return dict(re.findall(r"^export (\w+)=(\S+)$", printed, re.MULTILINE))


@contextmanager
def client_of(plane: Plane, key: Mapping[str, str]) -> Iterator[Client]:
    client = Client(
        replace(
            plane.client.endpoint,
            access_key_id=key["CLOUDHAND_ACCESS_KEY_ID"],
            access_key_secret=key["CLOUDHAND_ACCESS_KEY_SECRET"],
        )
    )
    try:
        yield client
    finally:
        client.close()


def run(client: Client, instance_id: str, script: str) -> bytes:
    order = {
        "Type": "RunShellScript",
        "CommandContent": script,
        "InstanceId": [instance_id],
    }
    invoke_id = client.call("RunCommand", order)["InvokeId"]
    (result,) = follow.settled(client, invoke_id)
    assert result.status == "Success", result
    return result.output


def test_the_machines_of_an_account_are_its_own_and_outlive_the_control_plane(own: Plane) -> None:
    own.start()
    at = ("--state", str(own.state))
    opened = own.place.run("account", "open", "team", *at)
    assert opened.returncode == 0, opened.stderr
    key = exported(opened.stdout)
    (ours,) = own.instances()
    with client_of(own, key) as team:
        (theirs,) = team.call("RunInstances", {"Amount": 1})["InstanceIdSets"]["InstanceIdSet"]
        fleet.wait(team, [theirs], "Running", at_most=60)
        assert [one.id for one in fleet.machines(team)] == [theirs]
        assert run(team, theirs, "echo theirs") == b"theirs\n"
        with pytest.raises(ApiError, match="InvalidInstance.NotFound"):
            run(team, ours, "true")
    assert [one.id for one in fleet.machines(own.client)] == [ours]
    before = own.supervisors()
    assert len(before) == 2

    own.kill()
    own.start()

    assert sorted(own.supervisors()) == sorted(before)
    with client_of(own, key) as team:
        until(lambda: fleet.machines(team)[0].online, what="its agent's coming back")
        assert run(team, theirs, "exit 194") == b""
        fleet.wait(team, [theirs], "Running", at_most=60)
        refused = own.place.run("account", "close", "team", *at)
        team.call("DeleteInstance", {"InstanceId": theirs, "Force": "true"})
        until(lambda: not fleet.machines(team), what="its release")
    closed = own.place.run("account", "close", "team", *at)

    assert refused.returncode == 2
    assert "cannot close team: " in refused.stderr and "has instances" in refused.stderr
    assert (closed.returncode, closed.stderr) == (0, "")
    assert own.place.run("account", "others", *at).stdout == "account\tid\topened\n"
    assert list((own.state / "accounts").iterdir()) == []
    assert own.run(ours, "echo ours").output == b"ours\n"


def test_a_machine_from_outside_joins_the_account_that_invites_it(own: Plane) -> None:
    own.start()
    opened = own.place.run("account", "open", "team", "--state", str(own.state))
    agent = own.place.root / "agent"
    with client_of(own, exported(opened.stdout)) as team:
        made = team.call("CreateActivation", {"InstanceCount": 1})
        words = ("--activation-id", made["ActivationId"], "--state", str(agent))
        code = ("--activation-code", made["ActivationCode"])
        told = own.place.run(
            "agent", "register", "--server", own.client.endpoint.url, *words, *code
        )
        assert told.returncode == 0, told.stderr
        instance_id = told.stdout.split()[-1]
        running = own.place.start("agent", "run", "--state", str(agent))
        until(lambda: fleet.machines(team)[0].online, what="its agent's coming online")

        assert run(team, instance_id, "echo from outside") == b"from outside\n"
        assert fleet.machines(own.client) == []
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def test_an_owner_changes_their_key_for_another(own: Plane) -> None:
    own.start()
    at = ("--state", str(own.state))
    endpoint = own.state / "endpoint.json"
    old = json.loads(endpoint.read_text())["accessKeyId"]

    made = own.place.run("account", "key", *at)
    gone = own.place.run("account", "key", "--delete", old, *at)

    new = exported(made.stdout)["CLOUDHAND_ACCESS_KEY_ID"]
    assert (made.returncode, gone.returncode, gone.stderr) == (0, 0, "")
    until(
        lambda: json.loads(endpoint.read_text())["accessKeyId"] == new,
        what="the new key in its place",
    )
    assert own.place.run("instances", *at).returncode == 0
    last = own.place.run("account", "key", "--delete", new, *at)
    assert (last.returncode, "last active access key" in last.stderr) == (3, True)


def test_there_are_as_many_as_was_said(alone: Place) -> None:
    plane = Plane(alone, "--limit", "commands=1", "--limit", "accounts=0")
    try:
        plane.start()
        script = {"Type": "RunShellScript", "CommandContent": "true"}
        plane.call("CreateCommand", Name="one", **script)
        with pytest.raises(ApiError, match=r"CmdCount\.ExceedQuota"):
            plane.call("CreateCommand", Name="two", **script)
        refused = alone.run("account", "open", "team", "--state", str(plane.state))
        assert (refused.returncode, "LimitExceeded.Account" in refused.stderr) == (3, True)
    finally:
        plane.end()


@pytest.mark.skipif(bool(os.environ.get("CLOUDHAND_TEST_PLAIN")), reason="needs namespaces")
def test_nothing_of_any_account_is_left_of_what_was_temporary(alone: Place) -> None:
    """Even when it is killed; ``alone`` looks for what is left."""
    up = alone.start("up", "--fleet", "1", *mode_options())
    lines_until(up, "access key")
    opened = alone.run("account", "open", "team")
    assert opened.returncode == 0, opened.stderr
    made = alone.run("instances", env=exported(opened.stdout))
    assert made.returncode == 0, made.stderr
    (state,) = alone.temporary.glob("cloudhand-*")
    place = Plane(alone)
    place.state = state
    with client_of(place, exported(opened.stdout)) as team:
        (theirs,) = team.call("RunInstances", {"Amount": 1})["InstanceIdSets"]["InstanceIdSet"]
        fleet.wait(team, [theirs], "Running", at_most=60)
    place.hang_up()

    up.kill()
    up.wait(60)

    until(lambda: not list(alone.temporary.iterdir()), what="the removal of all that it left")
