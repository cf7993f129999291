"""`cloudhand account` as a process: users, roles, policies and keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.cloud import Cloud
from tests.api.policies import trust
from tests.cli.conftest import Cli

pytestmark = pytest.mark.drawn

DESCRIBES = {"Version": "1", "Statement": [
    {"Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*"}]}  # fmt: skip


@pytest.fixture
def name(tmp_path: Path) -> str:
    """One that no other test takes."""
    return re.sub(r"[^a-z0-9]", "", tmp_path.name)[-40:]


@pytest.fixture
def as_user(it: Cloud, cli: Cli) -> Callable[[str], Cli]:
    """Commands with the key that stands in what `account` printed."""

    def make(printed: str) -> Cli:
        given = dict(re.findall(r"^export (\w+)=(\S+)$", printed, re.MULTILINE))
        assert given["CLOUDHAND_ENDPOINT"].endswith(it.endpoint)
        return lambda *words: cli(*words, env=given)

    return make


def test_a_user_asks_with_a_key_of_their_own(
    cli: Cli, as_user: Callable[[str], Cli], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(DESCRIBES))

    added = cli("account", "add", name)
    assert added.returncode == 0, added.stderr
    theirs = as_user(added.stdout)
    refused = theirs("instances")
    assert cli("account", "policy", name, str(file)).returncode == 0
    assert cli("account", "grant", name, name).returncode == 0
    granted = theirs("instances")
    file.write_text(json.dumps(DESCRIBES).replace("Describe", "Nothing"))
    twice = cli("account", "policy", name, str(file))
    assert cli("account", "policy", name, str(file), "--replace").returncode == 0
    assert theirs("instances").returncode == 3
    listed = cli("account", "list").stdout
    policies = cli("account", "policies").stdout
    assert cli("account", "revoke", name, name).returncode == 0

    assert twice.returncode == 2
    assert "--replace changes it, for all who have it" in twice.stderr
    assert refused.returncode == 3
    assert "Forbidden.RAM: User not authorized" in refused.stderr
    assert f"({name} may not ecs:Describe" in refused.stderr
    assert granted.returncode == 0, granted.stderr
    assert re.search(rf"^{name}\tuser\t{name}\tLTAI\w+$", listed, re.MULTILINE)
    assert "\nOOSServiceRole\trole\tAliyunECSFullAccess, AliyunOOSFullAccess\t\n" in listed
    assert re.search(rf"^{name}\tCustom\t1\t", policies, re.MULTILINE)
    assert re.search(r"^AliyunECSFullAccess\tSystem\t1\t", policies, re.MULTILINE)
    assert theirs("instances").returncode == 3
    assert cli("account", "policy", name, "--delete").returncode == 0


def test_a_key_is_changed_for_another(cli: Cli, as_user: Callable[[str], Cli], name: str) -> None:
    first = cli("account", "add", name, "--policy", "ReadOnlyAccess").stdout
    second = cli("account", "key", name).stdout
    (old,) = re.findall(r"LTAI\w+", first)
    both = [as_user(one)("instances").returncode for one in (first, second)]
    third = cli("account", "key", name)
    cli("account", "key", name, "--disable", old)
    off = as_user(first)("instances")
    listed = cli("account", "list").stdout
    cli("account", "key", name, "--enable", old)
    on = as_user(first)("instances")
    cli("account", "key", name, "--delete", old)
    gone = as_user(first)("instances")

    assert both == [0, 0]
    assert (third.returncode, "has two keys already" in third.stderr) == (2, True)
    assert (off.returncode, on.returncode, gone.returncode) == (3, 0, 3)
    assert f"{old} (off)" in listed
    assert as_user(second)("instances").returncode == 0
    assert cli("account", "remove", name).returncode == 0
    assert name not in cli("account", "list").stdout
    assert as_user(second)("instances").returncode == 3


def test_a_role_is_made_for_those_whom_it_trusts(cli: Cli, name: str, tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    file.write_text(trust("root"))
    made = cli("account", "add", name, "--role", "--trust", str(file))
    assert (made.returncode, made.stderr) == (0, "")
    file.write_text(json.dumps(DESCRIBES))
    for words, why in (
        ((f"{name}-2", "--role", "--trust", str(file)), "MalformedPolicyDocument"),
        ((f"{name}-2", "--role", "--trust", str(tmp_path / "none")), "cannot read"),
        ((f"{name}-2", "--trust", str(file)), "add --role"),
    ):
        refused = cli("account", "add", *words)
        assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
    assert cli("account", "remove", name, "--role").returncode == 0


def test_accounts_are_opened_and_closed(cli: Cli, as_user: Callable[[str], Cli], name: str) -> None:
    opened = cli("account", "open", name)
    theirs = as_user(opened.stdout)
    again = cli("account", "open", name)
    listed = cli("account", "others").stdout
    as_json = json.loads(cli("account", "others", "--json").stdout)
    refused = theirs("account", "others")
    own = theirs("account", "key")
    closed = cli("account", "close", name)

    assert opened.returncode == 0, opened.stderr
    assert (again.returncode, f"there is an account {name} already" in again.stderr) == (2, True)
    assert re.search(rf"^{name}\t1\d{{15}}\t\S+$", listed, re.MULTILINE)
    assert name in [one["name"] for one in as_json]
    assert (refused.returncode, "Only the first account" in refused.stderr) == (3, True)
    assert re.search("ACCESS_KEY_ID=LTAI", own.stdout)
    assert (closed.returncode, closed.stderr) == (0, "")
    assert theirs("instances").returncode == 3
    gone = cli("account", "close", name)
    assert (gone.returncode, f"there is no account {name}" in gone.stderr) == (2, True)
    bad = cli("account", "open", "Not So")
    assert (bad.returncode, "InvalidParameter.AccountName" in bad.stderr) == (3, True)


def test_a_role_is_made_for_templates(cli: Cli, name: str) -> None:
    assert cli("account", "add", name, "--role", "--policy", "AliyunECSReadOnlyAccess").stdout == ""
    document = json.loads(cli("account", "list", "--json").stdout)
    assert {
        "kind": "Role",
        "name": name,
        "policies": {"AliyunECSReadOnlyAccess": "System"},
        "keys": [],
    } in document
    assert cli("account", "remove", name, "--role").returncode == 0
    assert name not in cli("account", "list").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "root"), "root"),
        (("add", "x", "--policy", "No"), "there is no policy No: there are AdministratorAccess, "),
        (("add", "OOSServiceRole", "--role"), "there is a role OOSServiceRole already"),
        (("remove", "nobody"), "there is no user nobody: `cloudhand account list"),
        (("remove", "nobody", "--role"), "there is no role nobody"),
        (("grant", "nobody", "ReadOnlyAccess"), "there is no user nobody"),
        (("grant", "OOSServiceRole", "No", "--role"), "there is no policy No"),
        (("revoke", "OOSServiceRole", "No", "--role"), "has no policy No: it has AliyunECSFull"),
        (("key", "nobody"), "there is no user nobody"),
        (("key", "x", "--delete", "a", "--enable", "b"), "name one of --disable"),
        (("policy", "p"), "name either a file, or --delete"),
        (("policy", "p", "no/such"), "cannot read no/such"),
        (("policy", "p", "FILE"), "it is no JSON"),
        (("policy", "none", "--delete"), "EntityNotExist.Policy"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "no.json"
    file.write_text("{")
    told = cli("account", *(str(file) if word == "FILE" else word for word in words))
    assert told.returncode in (2, 3)
    assert says in told.stderr
    assert len(told.stderr.splitlines()) == 1
