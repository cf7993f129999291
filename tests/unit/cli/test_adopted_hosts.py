"""Machines that are named one by one, by a configuration of ssh, and chosen among."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from cloudhand.cli.adopt import hosts, sources, ssh
from cloudhand.cli.adopt.draft import Unreadable
from cloudhand.cli.adopt.hosts import Host
from cloudhand.cli.errors import Mistake


def named(*names: str, groups: tuple[str, ...] = ()) -> list[Host]:
    return [Host(name=name, address=name, groups=groups) for name in names]


def test_a_machine_is_typed_as_for_ssh() -> None:
    assert hosts.typed("web1") == Host(name="web1", address="web1")
    assert hosts.typed("root@db2:2222") == Host(name="db2", address="db2", port=2222, user="root")
    assert hosts.typed("a@b@[::1]:22") == Host(name="::1", address="::1", port=22, user="a@b")
    for text in ("", "a@", "web[1:2]", "a:b", "-oProxyCommand=x", "web:0"):
        with pytest.raises(Mistake, match="cannot use"):
            hosts.typed(text)


def test_a_name_means_one_machine() -> None:
    assert hosts.once(named("a", "b", "a")) == named("a", "b")
    with pytest.raises(Mistake, match="a was named twice"):
        hosts.once([hosts.typed("a"), hosts.typed("root@a")])


def test_a_limit_is_a_group_or_a_machine() -> None:
    there = [*named("a", "b", groups=("web",)), *named("c", groups=("db", "prod")), *named("x*")]
    assert [one.name for one in hosts.limited(there, ["prod", "a"])] == ["a", "c"]
    assert [one.name for one in hosts.limited(there, ["web,c"])] == ["a", "b", "c"]
    assert hosts.limited(there, ["all"]) == hosts.limited(there, []) == there
    assert [one.name for one in hosts.limited(there, ["x*"])] == ["x*"]
    with pytest.raises(Mistake, match="no machine is named nobody, or in a group of that name"):
        hosts.limited(there, ["a", "nobody"])
    for text in ("!db", "we*", "web:&prod", "~w.b"):
        with pytest.raises(Mistake, match="cannot use --limit"):
            hosts.limited(there, [text])


def test_groups_become_tags_as_many_as_a_machine_may_have() -> None:
    (one,) = named("a", groups=("db", "prod"))
    assert one.labels == {"group:db": "yes", "group:prod": "yes"}
    hosts.check_labels([one])
    (many,) = named("a", groups=tuple(map(str, range(21))))
    with pytest.raises(Mistake, match="a would have 21 tags, of its groups and of --tag"):
        hosts.check_labels([many])


_CONFIG = """\
Host *
  User me
Host web1 web2 *.example !web3
  HostName 10.0.0.1
host="the last"
Host = db1   # of the shop
Match host web9
  ProxyCommand "an odd one
Include conf.d/* ~/more
"""


def test_a_configuration_of_ssh_names_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, text in {
        ".ssh/config": _CONFIG,
        ".ssh/conf.d/2": "Host b web1\n",
        ".ssh/conf.d/1": "Host a\nInclude conf.d/none\n",
        "more": "Host c",
        "loop": f"Include {tmp_path}/loop",
        "open": "User x\nHost 'a",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    found = [one.name for one in sources.of_ssh_config(None)]
    assert found == ["web1", "web2", "the last", "db1", "a", "b", "c"]
    assert sources.of_ssh_config(tmp_path / "more") == named("c")
    with pytest.raises(Unreadable, match="loop:1: more than 16 files include each other"):
        sources.of_ssh_config(tmp_path / "loop")
    with pytest.raises(Unreadable, match="open:2: a quotation is not closed"):
        sources.of_ssh_config(tmp_path / "open")


def test_ssh_is_started_so_that_nobody_is_asked() -> None:
    host = Host(name="a", address="10.0.0.1", port=2222, user="me", key="/k", options=("-o", "X=1"))
    shown = ssh.words(host, Path("/c"))
    assert shown == shlex.split("ssh -F /c -p 2222 -l me -i /k -o X=1 -- 10.0.0.1")
    words = ssh.command(host, None)
    assert words[:4] == ["ssh", "-T", "-o", "BatchMode=yes"]
    # What one says oneself comes first: of two equal options ssh takes the first.
    assert words.index("X=1") < words.index("ConnectTimeout=10") < words.index("10.0.0.1")
    assert words[-3:-1] == ["--", "10.0.0.1"]
    assert words[-1].startswith("exec sh -c ")


def conversation(folder: Path, script: str, words: Host) -> subprocess.CompletedProcess[str]:
    """What a shell makes of all that is said to it, in which root needs nobody's help."""
    text = ssh.ASK + ssh.install(script, words, words.labels, "http://proxy:1")
    return subprocess.run(
        ["sh"], input=text, capture_output=True, text=True, timeout=30, check=False, cwd=folder
    )


def test_the_installer_gets_its_words_and_its_end_is_told(tmp_path: Path) -> None:
    host = Host(name="it's", address="a", tags={"k": "a b"})
    script = 'set -eu\nmain() {\n  printf \'<%s>\' "$@"\n  cat\n  exit 3\n}\nmain "$@"'
    told = conversation(tmp_path, script, host).stdout.splitlines()
    assert ssh.joined(told[0]) is not None
    expected = "<--name><it's><--tag><k=a b><--proxy><http://proxy:1>cloudhand-adopt: ended 3"
    assert "".join(told[1:]) == expected


def test_an_installer_goes_on_though_nobody_listens(tmp_path: Path) -> None:
    script = "for n in 1 2 3; do seq 20000; done\nread -r word <go\nseq 20000\necho $word >ended"
    (tmp_path / "go").write_text("whole\n")
    shell = subprocess.Popen(
        ["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(ssh.ASK + ssh.install(script, Host(name="a", address="a"), {}, ""))
    shell.stdin.close()
    shell.stdout.readline()
    shell.stdout.close()  # as when its connection breaks
    shell.wait(30)
    assert (tmp_path / "ended").read_text() == "whole\n"


def test_only_an_installer_that_ended_well_makes_a_machine_online() -> None:
    assert ssh.online(["mi-1 online", "cloudhand-adopt: ended 0"]) == "mi-1"
    assert ssh.online(["mi-1 online", "cloudhand-adopt: ended 1"]) == ""
    assert ssh.online(["mi-1 online"]) == ""
    assert ssh.registered(["x", "registered as mi-2"]) == "mi-2"
    assert (ssh.joined("cloudhand-adopt: joined"), ssh.joined("Welcome!")) == ("", None)
