"""`cloudhand adopt` before it goes anywhere: what it would do, and what cannot be meant."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from tests.api.cloud import Cloud
from tests.cli.conftest import Cli
from tests.cli.terminals import Open

_HOSTS = """\
[web]
web[1:2] ansible_user=deploy ansible_port=2222
[db]
db1 ansible_host=10.0.0.1 ansible_connection=winrm
[prod:children]
web
"""


def test_a_dry_run_tells_the_way_to_each_and_its_tags(it: Cloud, cli: Cli, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.ini"
    hosts.write_text(_HOSTS)
    told = cli("adopt", "-i", str(hosts), "--dry-run", "--tag", "room=3")
    assert (told.returncode, told.stderr) == (0, "This would adopt 3 machines. Nothing was done.\n")
    assert [line.split("\t") for line in told.stdout.splitlines()] == [
        [
            f"web{number}",
            f"ssh -p 2222 -l deploy -- web{number}",
            "group:prod=yes group:web=yes room=3",
        ]
        for number in (1, 2)
    ] + [
        [
            "db1",
            "its ansible_connection is winrm, and this goes over ssh",
            "group:db=yes room=3",
        ]
    ]

    limited = cli("adopt", "-i", str(hosts), "--dry-run", "--limit", "web2", "--json")
    assert json.loads(limited.stdout) == {
        "machines": [
            {
                "name": "web2",
                "status": "not begun",
                "instanceId": "",
                "reason": "",
                "tags": {"group:prod": "yes", "group:web": "yes"},
            }
        ]
    }
    # Whoever is reached otherwise fails alone, and nobody is asked anything for it.
    refused = cli("adopt", "-i", str(hosts), "--limit", "db", "--at", f"http://{it.endpoint}")
    assert refused.returncode == 1
    assert refused.stdout.startswith("db1  failed  its ansible_connection is winrm")
    assert refused.stderr.endswith("1 failed; the same command again goes on with those that are"
                                   " not online\n")  # fmt: skip


def test_what_cannot_be_meant_is_told_in_one_sentence(it: Cloud, cli: Cli, tmp_path: Path) -> None:
    many, empty, there = tmp_path / "many", tmp_path / "empty", f"http://{it.endpoint}"
    many.write_text("n[1:1001]\n")
    empty.write_text("[web]\n")
    for words, told in (
        ((), "name the machines one by one, or by --inventory FILE, or by --ssh-config"),
        (("web1", "--ssh-config"), "name the machines one by one, or by --inventory FILE"),
        (("-i", str(empty)), "no machine is named there"),
        (("-i", str(many)), "1001 machines are more than 1000: choose with --limit"),
        (("-i", str(many), "--limit", "all,web"), "no machine is named web, or in a group"),
        (("-i", str(tmp_path / "none")), "none: no such file or directory"),
        (("--ssh-config",), "/.ssh/config: no such file or directory"),
        (("web1", "--tag", "a"), "cannot read --tag a: it is KEY=VALUE"),
        (("web1",), "where other machines do not reach it"),
        (("web1", "--at", "ftp://x"), "ftp://x is no address"),
        (("web1", "--at", "https://x"), "the control plane speaks http: https://x is another"),
        (("-i", str(many), "--limit", "n1", "--at-a-time", "0"), "--at-a-time"),
        (
            ("-i", str(many), "--limit", ",".join(f"n{n}" for n in range(1, 12)), "--at", there),
            "this installs the agent on 11 machines as root, and nobody is here to be asked: add",
        ),
    ):
        refused = cli("adopt", *words)
        assert (refused.returncode, refused.stdout) == (2, ""), words
        assert told in refused.stderr and refused.stderr.count("\n") == 1, words
    without = cli("adopt", "web1", "--at", there, env={"PATH": str(tmp_path)})
    assert (without.returncode, "there is no ssh here" in without.stderr) == (2, True)


_SSH = """#!/bin/sh
# Stands for ssh to a machine that answers no more than it must.
for word in "$@"; do last=$host host=$word; done
case $last in
    fresh) echo "cloudhand-adopt: joined"; read -r _ ;;
    web1) echo "kex_exchange_identification: Connection closed by remote host" >&2 ;;
    *) read -r _ <"${0%/*}/go"; echo "Host key verification failed." >&2 ;;
esac
exit 255
"""


def test_a_control_plane_that_refuses_ends_it(it: Cloud, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text(_SSH)
    (tmp_path / "ssh").chmod(0o755)
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CLOUDHAND_ACCESS_KEY_SECRET": "another",
    }
    refused = cli("adopt", "fresh", "--at", f"http://{it.endpoint}", env=given)
    assert refused.returncode == 3
    assert refused.stdout == "fresh  interrupted  nothing was begun there\n"
    assert "does not know the access key" in refused.stderr.splitlines()[-1]


def test_a_terminal_shows_what_is_under_way_and_a_line_for_each_that_is_done(
    it: Cloud, terminal: Open, tmp_path: Path
) -> None:
    (tmp_path / "ssh").write_text(_SSH)
    (tmp_path / "ssh").chmod(0o755)
    os.mkfifo(tmp_path / "go")
    path = f"{tmp_path}:{os.environ['PATH']}"
    shown = terminal("adopt", "web1", "web2", "--at", f"http://{it.endpoint}", PATH=path)
    shown.until("1 of 2 done: 1 failed")
    shown.until("connects")
    (tmp_path / "go").write_text("go\n")
    assert shown.end() == 1
    assert "web1  failed  kex_exchange_identification: Connection closed" in shown.shown
    assert re.search(r"web2  failed  .*[Hh]ost key", shown.shown)
    assert "2 failed; the same command again" in shown.shown
