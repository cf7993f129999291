"""One line that tells a person why a machine was not adopted."""

from __future__ import annotations

import pytest

from cloudhand.cli.adopt import reasons
from cloudhand.cli.adopt.hosts import Host

_HOST = Host(name="a", address="10.0.0.1")


@pytest.mark.parametrize(
    "error, told",
    [
        (
            "ssh: Could not resolve hostname web9: Name or service not known",
            "name not found: ssh cannot resolve web9",
        ),
        (
            "ssh: connect to host 10.0.0.1 port 22: Connection refused",
            "connection refused: nobody listens at 10.0.0.1 port 22",
        ),
        (
            "ssh: connect to host 10.0.0.1 port 22: Connection timed out",
            "timed out: 10.0.0.1 port 22 does not answer",
        ),
        (
            "ssh: connect to host 10.0.0.1 port 22: No route to host",
            "not reached: No route to host (10.0.0.1 port 22)",
        ),
        ("Connection timed out during banner exchange", "timed out: it was connected"),
        ("Timeout, server 10.0.0.1 not responding.", "timed out: it was connected"),
        (
            "root@10.0.0.1: Permission denied (publickey,password).",
            "Permission denied (publickey,password): it lets in none of the keys",
        ),
        (
            (
                "No ED25519 host key is known for [a]:22 and you have requested strict checking.\n"
                "Host key verification failed."
            ),
            "host key unknown",
        ),
        (
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
                "Host key for a has changed and you have requested strict checking.\n"
                "Host key verification failed."
            ),
            "host key changed",
        ),
        (
            (
                "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\n"
                "Disconnected from 10.0.0.1 port 22"
            ),
            "Too many authentication failures: ssh tried other keys first",
        ),
        ("sudo: a password is required", "sudo wants a password: log in as root, or let sudo"),
        ("doas: Authentication required", "doas wants a password"),
        ("doas: Operation not permitted", "doas refuses"),
        ("sudo: sorry, you must have a tty to run sudo", "sudo wants a terminal"),
        (
            "deploy is not in the sudoers file.  This incident will be reported.",
            "sudo refuses: deploy is not in its sudoers file",
        ),
        (
            "cloudhand: deploy is not root there, and has no sudo",
            "deploy is not root there, and has no sudo",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host",
            "kex_exchange_identification: Connection closed by remote host",
        ),
    ],
)
def test_what_ssh_says_is_told_in_one_line(error: str, told: str) -> None:
    assert reasons.of_connection(_HOST, [], error.splitlines()).startswith(told)


def test_who_says_nothing_of_ssh_is_told_as_it_is() -> None:
    closed = ["This account is currently not available."]
    assert reasons.of_connection(_HOST, closed, []) == closed[0]
    assert reasons.of_connection(_HOST, [], []) == (
        "ssh ended without a word: `ssh -- 10.0.0.1` may tell"
    )
    assert len(reasons.of_connection(_HOST, ["x" * 1000], [])) == 300


@pytest.mark.parametrize(
    "said, told",
    [
        (
            "cloudhand: no Python 3.9 or later with its standard library (more) found; and no",
            "no Python 3.9 or later with its standard library (more) found; and no",
        ),
        (
            (
                "ok    disk        1 MiB\nFAIL  connection  c:1: nobody listens; let this machine\n"
                "cloudhand: mend that, and paste the line again"
            ),
            "the control plane cannot be reached from there: connection: c:1: nobody listens; let",
        ),
        (
            "FAIL  name lookup c: Name or service not known; mend",
            "the control plane cannot be reached from there: name lookup: c: Name or service",
        ),
        ("FAIL  disk        1 MiB free in /var; make room", "disk: 1 MiB free in /var; make room"),
        ("FAIL  clock       c: is that a control plane?", "clock: c: is that a control plane?"),
        (
            "cloudhand-agent: the activation is used up; look\ncloudhand: nothing was installed",
            "the activation is used up; look",
        ),
        (
            "cloudhand: it is installed, but is not online after 60 seconds: mi-1 offline; `j`",
            "it is installed, but is not online after 60 seconds: mi-1 offline; `j`",
        ),
        (
            "base64: not found\ncloudhand-adopt: ended 127",
            "the installer failed: base64: not found",
        ),
        ("cloudhand-adopt: ended 1", "the installer failed: it said nothing"),
        (
            "sh: oh\ncloudhand: nothing was installed\ncloudhand-adopt: ended 1",
            "the installer failed: sh: oh",
        ),
    ],
)
def test_what_the_installer_says_is_told_in_one_line(said: str, told: str) -> None:
    assert reasons.of_installer(said.splitlines()).startswith(told)


def test_who_is_not_heard_to_the_end_is_told() -> None:
    assert reasons.of_silence(["cloudhand-adopt: joined", "ok    disk  "], 300) == (
        "timed out: it did not come to an end within 300 s; it said last: ok    disk"
    )
    assert reasons.of_silence([], 300).endswith("within 300 s")
    assert reasons.of_break([], ["client_loop: send disconnect: Broken pipe\n"]).startswith(
        "the connection broke: client_loop: send disconnect: Broken pipe; the installer goes on"
    )
    assert reasons.of_break([], []).startswith("the connection broke; the installer")
