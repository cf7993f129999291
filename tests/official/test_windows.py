"""Published agents on Windows. What their scripts do is for the test to say."""

from __future__ import annotations

from typing import Any

import pytest

from cloudhand.core.command import CommandType
from cloudhand.core.errors import CommandNotApplicable, PasswordMissing, PasswordNotNeeded
from cloudhand.core.power import Kind
from cloudhand.core.power import State as PowerState
from tests.official.host import Host, Manner, Ran
from tests.official.lab import Lab

BATCH = {"type": CommandType.BATCH}


@pytest.fixture
async def host(lab: Lab) -> Host:
    return await lab.join(Manner(version="2.1.3.578", windows=True, code_page="gbk"))


@pytest.mark.parametrize("kind", [CommandType.BATCH, CommandType.POWERSHELL])
async def test_scripts_of_windows_run(lab: Lab, host: Host, kind: CommandType) -> None:
    host.runner = lambda script: Ran(output=b"ran " + script)
    invoke_id = await lab.run(host, type=kind, script="dir")
    view = await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == ("Success", "")
    assert view.output == b"ran dir"


async def test_scripts_of_others_do_not(lab: Lab, host: Host) -> None:
    linux = await lab.join()
    with pytest.raises(CommandNotApplicable, match="Windows"):
        await lab.run(host)
    with pytest.raises(CommandNotApplicable, match="Linux"):
        await lab.run(linux, **BATCH)
    with pytest.raises(CommandNotApplicable):
        await lab.run(host, linux, **BATCH)


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        (3009, Kind.STOP, ("Success", "")),
        (3010, Kind.RESTART, ("Success", "")),
        (193, None, ("Failed", "ExitCodeNonzero")),
        (194, None, ("Failed", "ExitCodeNonzero")),
        (-1073741510, None, ("Failed", "ExitCodeNonzero")),
    ],
)
async def test_exit_codes(
    lab: Lab, host: Host, code: int, kind: Kind | None, told: tuple[str, str]
) -> None:
    host.runner = lambda script: Ran(exit_code=code)
    invoke_id = await lab.run(host, **BATCH)
    await lab.ended(invoke_id)
    await lab.advance(minutes=11)

    view = await lab.result(invoke_id)
    assert await lab.told(invoke_id) == told
    assert view.target.exit_code == code
    assert host.asked_for == ([kind] if kind is not None else [])
    if kind is None:
        assert view.power_action is None
    else:
        assert view.power_action is not None and view.power_action.state is PowerState.DONE


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("\u4e2d\u6587".encode("gbk"), "\u4e2d\u6587".encode()),
        (b"\xff\xfe\x00half", b"\xff\xfe\x00half"),  # of no code page
    ],
)
async def test_output_of_any_code_page_is_kept(
    lab: Lab, host: Host, output: bytes, shown: bytes
) -> None:
    host.runner = lambda script: Ran(output=output)
    invoke_id = await lab.run(host, **BATCH)
    assert (await lab.ended(invoke_id)).output == shown


@pytest.mark.parametrize(
    ("order", "secrets", "told"),
    [
        ({}, {}, ("Success", "")),
        ({"username": "System"}, {}, ("Success", "")),
        ({"username": "bob", "password_name": "pw"}, {"pw": "right"}, ("Success", "")),
        (
            {"username": "bob", "password_name": "pw"},
            {"pw": "wrong"},
            ("Invalid", "UserOrPasswordInvalid"),
        ),
        (
            {"username": "bob", "password_name": "pw"},
            {"other": "right"},
            ("Invalid", "QueryParameterStoreFailed"),
        ),
        ({"username": "bob", "password_name": "pw"}, {}, ("Invalid", "InstanceRoleInvalid")),
    ],
)
async def test_users_other_than_system_have_a_password_that_the_agent_reads(
    lab: Lab,
    host: Host,
    order: dict[str, Any],
    secrets: dict[str, str],
    told: tuple[str, str],
) -> None:
    host.secrets = secrets
    invoke_id = await lab.run(host, **BATCH, **order)
    await lab.ended(invoke_id)
    assert await lab.told(invoke_id) == told


async def test_a_password_that_is_missing_or_not_needed_fails_the_call(
    lab: Lab, host: Host
) -> None:
    linux = await lab.join()
    with pytest.raises(PasswordMissing, match="bob"):
        await lab.run(host, **BATCH, username="bob")
    with pytest.raises(PasswordNotNeeded):
        await lab.run(linux, username="nobody", password_name="pw")
