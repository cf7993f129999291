"""Inventories as Ansible writes them: machines, groups, ranges, variables, and what is not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudhand.cli.adopt import groups, ini, sources
from cloudhand.cli.adopt.draft import Draft, Unreadable
from cloudhand.cli.adopt.hosts import Host

_INI = """\
# Of the whole house.
; and of the post
mail.example          # alone
[web]
web[01:03].example:2222 ansible_user=deploy  # the front
[db]
db-[a:c] ansible_host=10.0.0.7
db-a ansible_host="10.0.0.1" ansible_ssh_common_args='-o ProxyCommand="ssh -W %h:%p gate"'
[prod:children]
web
db
[prod:vars]
ansible_ssh_private_key_file = '/keys/of prod'
ansible_port=22
[all:vars]
ansible_user=root
owner=ops # what this is for nobody asks
[db:vars]
ansible_become_method=doas
"""

_YAML = """\
---
all:
  vars: {ansible_user: root, owner: [ops]}
  hosts:
    mail.example:
  children:
    prod:
      vars: {ansible_ssh_private_key_file: /keys/of prod, ansible_port: 22}
      children:
        web:
          hosts:
            web[01:03].example:2222: {ansible_user: deploy}
        db:
          vars: {ansible_become_method: doas}
          hosts:
            db-[a:c]: {ansible_host: 10.0.0.7}
            db-a:
              ansible_host: 10.0.0.1
              ansible_ssh_common_args: -o ProxyCommand="ssh -W %h:%p gate"
"""


def found(draft: Draft) -> dict[str, Host]:
    return {host.name: host for host in draft.machines()}


@pytest.mark.parametrize("read, text", [(ini.read, _INI), (groups.read, _YAML)])
def test_both_manners_say_the_same(read: Callable[[str, str], Draft], text: str) -> None:
    hosts = found(read(text, "hosts"))

    assert set(hosts) == {
        "mail.example",
        *(f"web0{number}.example" for number in (1, 2, 3)),
        *("db-a", "db-b", "db-c"),
    }
    assert hosts["mail.example"] == Host(name="mail.example", address="mail.example", user="root")
    assert hosts["web02.example"] == Host(
        name="web02.example",
        address="web02.example",
        port=2222,
        user="deploy",
        key="/keys/of prod",
        groups=("prod", "web"),
    )
    assert hosts["db-a"] == Host(
        name="db-a",
        address="10.0.0.1",
        port=22,
        user="root",
        key="/keys/of prod",
        options=("-o", "ProxyCommand=ssh -W %h:%p gate"),
        become="doas",
        groups=("db", "prod"),
    )
    assert (hosts["db-c"].address, hosts["db-c"].options) == ("10.0.0.7", ())


def test_what_is_nearer_to_a_machine_wins() -> None:
    text = """
[b]
one
[a:children]
b
[c]
one
two ansible_user=own
[a:vars]
ansible_user=far
ansible_port=1
[b:vars]
ansible_user=near
[all:vars]
ansible_port=3
ansible_host=everywhere
[c:vars]
ansible_port=2
"""
    hosts = found(ini.read(text, "hosts"))
    # `c` is as far from the machine as `a`, and comes later; `b` is within `a`.
    assert (hosts["one"].user, hosts["one"].port) == ("near", 2)
    assert (hosts["two"].user, hosts["one"].address) == ("own", "everywhere")
    assert hosts["one"].groups == ("a", "b", "c")


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("n[8:10]", ["n8", "n9", "n10"]),
        ("n[08:10]", ["n08", "n09", "n10"]),
        ("n[:2]", ["n0", "n1", "n2"]),
        ("n[0:6:3]", ["n0", "n3", "n6"]),
        ("[a:b][1:2].x", ["a1.x", "a2.x", "b1.x", "b2.x"]),
        ("n[001:002]-[x:y]", ["n001-x", "n001-y", "n002-x", "n002-y"]),
    ],
)
def test_ranges(pattern: str, names: list[str]) -> None:
    assert list(found(ini.read(pattern, "hosts"))) == names


@pytest.mark.parametrize(
    "word, address, port",
    [
        ("2001:db8::1", "2001:db8::1", None),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222),
        ("10.0.0.1:23", "10.0.0.1", 23),
    ],
)
def test_addresses(word: str, address: str, port: int | None) -> None:
    (host,) = ini.read(word, "hosts").machines()
    assert (host.address, host.port) == (address, port)


@pytest.mark.parametrize(
    "text, told",
    [
        ("[web\none", "h:1: [web is no HOST and no HOST:PORT"),
        ("one\n[web:hots]", "h:2: [web:hots] is none of hosts, children, vars"),
        ("one two", "h:1: two is not NAME=VALUE"),
        ("one a='b", "h:1: a quotation is not closed"),
        ("[a:children]\nb", "h:2: there is no group b"),
        ("[b:vars]\nx=1", "h:1: there is no group b"),
        ("[b]\n[b:vars]\nx", "h:3: x is not NAME=VALUE"),
        ("[a:children]\nb c", "h:2: b c is not the name of one group"),
        ("[a:children]\nb\n[b:children]\na", "h: the group a contains itself"),
        ("n[3:1]", "h:1: [3:1] is no range like [01:20] or [a:c]"),
        ("n[1:c]", "h:1: [1:c] is no range like [01:20] or [a:c]"),
        ("n[01:100]", "h:1: [01:100] is no range like [01:20] or [a:c]: both ends are to be of"),
        ("n[1:99999999]", "h:1: [1:99999999] is no range"),
        ("n[1:999][1:999]", "h:1: these are more than 10000 machines"),
        ("n:99999", "h:1: 99999 is no port"),
        ("n:ssh", "h:1: n:ssh is no HOST and no HOST:PORT"),
        ("n\nm ansible_port=ssh", "h:2: ssh is no port"),
        ("n ansible_become=perhaps", "h:1: ansible_become is yes or no, not perhaps"),
        ("n ansible_host='{{ ip }}'", "h:1: ansible_host is {{ ip }}, which Ansible alone"),
        ("n ansible_ssh_extra_args='-o \"x'", "h:1: ansible_ssh_extra_args has an open quotation"),
    ],
)
def test_what_is_not_understood_in_ini_is_named_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        list(ini.read(text, "h").machines())
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    "text, told",
    [
        ("plugin: aws_ec2\nregions: [x]", "h: it tells a plugin of Ansible how to find machines"),
        ("web:\n  machines: {a: }", "h:2: a group has hosts, children, vars, and not machines"),
        ("web:\n  hosts: [a]", "h:2: here is to be a mapping"),
        ("- a", "h:1: here is to be a mapping"),
        ("web:\n  hosts: {[a]: }", "h:2: a name is to be one word"),
        ("web: {\n", "h:2: "),
        ("a\x07b: ", "h:1: it has a character that YAML does not allow"),
        ("[" * 100_000, "h"),
        (
            "web:\n  hosts:\n    a:\n      ansible_user: !vault |\n        $ANSIBLE_VAULT;1.1\n",
            "h:4: ansible_user is in Ansible's vault, which is not opened here",
        ),
        (
            "web:\n  hosts:\n    a:\n      ansible_host: '{% x %}'",
            "h:4: ansible_host is {% x %}, which Ansible alone evaluates",
        ),
        ("a: &a\n  children:\n    b: *a", "h:3: the group b is nested deeper than 50 levels"),
    ],
)
def test_what_is_not_understood_in_yaml_is_named_with_its_line(text: str, told: str) -> None:
    with pytest.raises(Unreadable) as refused:
        list(groups.read(text, "h").machines())
    assert str(refused.value).startswith(told)


def test_what_nobody_asks_for_may_be_in_the_vault_and_anything() -> None:
    text = "web:\n  hosts:\n    a: {secret: !vault x, list: [1], none: ~, ansible_host: ~}\n"
    assert found(groups.read(text, "h")) == {"a": Host(name="a", address="a", groups=("web",))}


def test_yaml_may_be_merged() -> None:
    text = """
web:
  hosts:
    a: &a {ansible_user: x, ansible_port: 1}
    b: {<<: *a, ansible_port: 2}
    c: {<<: [{ansible_user: y}, *a]}
"""
    hosts = found(groups.read(text, "h"))
    assert {name: (one.user, one.port) for name, one in hosts.items()} == {
        "a": ("x", 1),
        "b": ("x", 2),
        "c": ("y", 1),
    }


def test_what_goes_another_way_than_over_ssh_as_root_says_so() -> None:
    text = """
windows ansible_connection=winrm
su ansible_become_method=su
never ansible_become=false
exe ansible_become_exe=/opt/bin/sudo ansible_connection=ssh ansible_become=yes
"""
    hosts = found(ini.read(text, "h"))
    assert hosts["windows"].obstacle == "its ansible_connection is winrm, and this goes over ssh"
    assert "su, and this knows sudo and doas" in hosts["su"].obstacle
    assert (hosts["never"].become, hosts["exe"].become) == ("", "/opt/bin/sudo")
    assert not hosts["exe"].obstacle


def test_variables_lie_beside_an_inventory_too(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("[web]\na ansible_user=own\nb\n[web:vars]\nansible_port=1\n")
    for name, text in {
        "group_vars/all.yml": "ansible_user: far\n",
        "group_vars/web/one.yml": "ansible_port: 2\n",
        "group_vars/web/.swap": "- nothing",
        "group_vars/web/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n00\n",
        "host_vars/b": "ansible_host: 10.0.0.2\nansible_password: x\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    hosts, told = sources.of_inventory(tmp_path / "hosts")

    assert [(one.user, one.port, one.address) for one in hosts] == [
        ("own", 2, "a"),
        ("far", 2, "10.0.0.2"),
    ]
    secret = f"{tmp_path}/host_vars/b:2"
    assert told == [
        f"{tmp_path}/group_vars/web/vault.yml is in Ansible's vault, and is not read",
        f"Passwords are not used: the one at {secret}, for instance; ssh logs in by key",
    ]


@pytest.mark.parametrize(
    "name, text",
    [
        ("hosts", "---\nweb: {hosts: {a: }}\n"),
        ("hosts", "# mine\nweb:  # all\n  hosts:\n    a:\n"),
        ("hosts", '{"web": {"hosts": {"a": null}}}'),
        ("hosts.json", '{"web": {"hosts": {"a": null}}}'),
        ("hosts", "[web]\na\n"),
        ("hosts.ini", "\ufeff[web]\na\n"),
        ("hosts", "# mine\n\n[web]\na\n"),
    ],
)
def test_the_manner_is_seen(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    hosts, told = sources.of_inventory(tmp_path / name)
    assert (hosts, told) == ([Host(name="a", address="a", groups=("web",))], [])


def test_what_is_no_inventory_says_what_to_do(tmp_path: Path) -> None:
    for name, content, told in (
        ("program", b"#!/usr/bin/python3\n", ":1: it is a program that finds machines"),
        ("vault", b"$ANSIBLE_VAULT;1.1;AES256\n", ":1: it is in Ansible's vault"),
        ("bytes", b"\xff\xfe\x00", ": it is no text in UTF-8"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Unreadable) as refused:
            sources.of_inventory(tmp_path / name)
        assert str(refused.value).startswith(f"{tmp_path / name}{told}")
    with pytest.raises(Unreadable, match="it is a directory: name a file of it"):
        sources.of_inventory(tmp_path)
    with pytest.raises(Exception, match=r"cannot read .*/none: no such file or directory"):
        sources.of_inventory(tmp_path / "none")
