"""Where the kernel refuses namespaces: what is found out, and said."""

from __future__ import annotations

import os
import subprocess

import pytest

from cloudhand.providers.sandbox import probe
from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import BOUND, NOBODY, Who, python_for, refusal

_PROBE = """
import os
from cloudhand.providers.sandbox import kernel, probe

def write(path, text):
    with open(path, "w") as file:
        file.write(text)

def become(user):
    ids = f"{{user}} {{os.geteuid()}} 1", f"{{user}} {{os.getegid()}} 1"
    kernel.unshare(kernel.NEWUSER, "no namespaces at all")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", ids[0])
    write("/proc/self/gid_map", ids[1])

{denial}
try:
    print(probe.probe(plain_processes=False).sentence)
except probe.ProbeError as error:
    print("refused:", error)
"""
_NO_MORE = "write('/proc/sys/user/max_user_namespaces', '0')"
_CAP_SYS_ADMIN = 21


def _said(denial: str, user: int | None) -> str:
    python = python_for(user)
    if python is None:
        pytest.skip(f"user {user} may run no Python with our sources")
    who = Who(mode=Mode.PROCESSES, user=user, python=python)
    done = who.start(
        *("-c", _PROBE.format(denial=denial)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = done.communicate(timeout=BOUND)
    return said.decode()


@pytest.fixture
def nobody() -> int | None:
    """Somebody who may make user namespaces: that is how they are denied further down."""
    user = None if os.geteuid() else NOBODY
    python = python_for(user)
    if python is None or refusal(Who(mode=Mode.NAMESPACES_USER, user=user, python=python)):
        pytest.skip("this needs a user namespace to deny them in")
    return user


def test_an_ordinary_user_gets_plain_processes_and_one_command(nobody: int | None) -> None:
    assert _said(f"become(1000); {_NO_MORE}", nobody) == (
        "Instances are plain processes: namespaces are refused"
        " (cannot make a user namespace: No space left on device);"
        " `sudo sysctl user.max_user_namespaces=10000` allows them.\n"
    )


def test_root_without_ids_has_to_ask_by_name(nobody: int | None) -> None:
    said = _said("become(0)", nobody)

    assert said.startswith("refused: namespaces are refused here (this root has no ids to give")
    assert said.endswith("or ask for instances without them: --plain-processes\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lose what root may")
def test_root_in_a_container_has_to_ask_by_name() -> None:
    said = _said(f"kernel.drop_from_bounding_set({_CAP_SYS_ADMIN})", None)

    assert said.startswith(
        "refused: namespaces are refused here"
        " (cannot make a mount namespace: Operation not permitted)"
    )
    assert said.endswith("or ask for instances without them: --plain-processes\n")


def test_plain_processes_are_taken_without_a_trial() -> None:
    assert probe.probe(plain_processes=True).mode is Mode.PROCESSES


def test_an_ordinary_user_gets_namespaces_where_they_are_allowed(nobody: int | None) -> None:
    assert _said("", nobody) == "Instances have namespaces of their own, with one id.\n"
