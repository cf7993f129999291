"""`cloudhand call` as a process: any operation, by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cloudhand.api.products import BY_PRODUCT
from tests.api.cloud import Cloud
from tests.cli.conftest import Cli

pytestmark = pytest.mark.drawn


def test_an_operation_is_called_by_its_name(it: Cloud, cli: Cli) -> None:
    (instance_id,) = it.instances()
    labelled = ("ResourceType=instance", f"ResourceId.1={instance_id}", "Tag.1.Key=role")
    tagged = cli("call", "TagResources", *labelled, "Tag.1.Value=a=b")
    assert (tagged.returncode, tagged.stderr) == (0, "")

    told = cli("call", "DescribeInstances", f'InstanceIds=["{instance_id}"]')
    (one,) = json.loads(told.stdout)["Instances"]["Instance"]
    assert one["Tags"]["Tag"] == [{"TagKey": "role", "TagValue": "a=b"}]


@pytest.mark.parametrize("place", ["file", "input"])
def test_what_nobody_is_to_see_is_read_from_elsewhere(
    it: Cloud, cli: Cli, tmp_path: Path, place: str
) -> None:
    hidden = tmp_path / "hidden"
    hidden.write_text("sword\nfish")
    value = f"Value=@{hidden}" if place == "file" else "Value=@-"
    given = "" if place == "file" else "sword\nfish\n"
    made = cli("call", "CreateSecretParameter", f"Name=word-{place}", value, given=given)
    assert made.returncode == 0, made.stderr
    assert "sword" not in made.stdout

    asked = (f"Name=word-{place}", "WithDecryption=true")
    told = cli("call", "GetSecretParameter", *asked)
    assert json.loads(told.stdout)["Parameter"]["Value"] == "sword\nfish"
    cli("call", "DeleteSecretParameter", f"Name=word-{place}")


def test_whose_operation_is_meant_can_be_said(it: Cloud, cli: Cli) -> None:
    asked = ("ResourceType=parameter", 'ResourceIds=["none"]')
    first = cli("call", "ListTagResources", *asked)
    assert "ListTagResources has no parameter ResourceIds" in first.stderr
    assert json.loads(cli("call", "--product", "oos", "ListTagResources", *asked).stdout)


def test_all_are_listed_with_what_they_take(cli: Cli) -> None:
    listed = [line.split("\t") for line in cli("call").stdout.splitlines()]
    names = {(product, one) for product, found in BY_PRODUCT.items() for one in found}
    assert {(product, name) for product, name, _ in listed} == names
    assert all(what for _, _, what in listed)

    told = cli("call", "RebootInstances", "--parameters").stdout.splitlines()
    by_name = {line.split("\t")[0]: line.split("\t") for line in told}
    assert by_name["InstanceId"][2] == "required"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("DescribeInstance",), "there is no operation DescribeInstance: is it "),
        (("Nonsense",), "`cloudhand call` lists them"),
        (("--product", "rds", "DescribeInstances"), "there is no product rds"),
        (("--product", "ram", "DescribeInstances"), "there is no operation DescribeInstances"),
        (("RunCommand", "Timeuot=1"), "RunCommand has no parameter Timeuot: is it Timeout?"),
        (("RunCommand", "Nonsense=1"), "`cloudhand call RunCommand --parameters` lists them"),
        (("RunCommand", "Timeout"), "cannot read parameter Timeout: it is KEY=VALUE"),
        (("RunCommand", "CommandContent=@/nowhere"), "cannot read /nowhere: No such file"),
        (
            ("RunCommand", "CommandContent=@/bin/sh"),
            "cannot send /bin/sh: it is no text",
        ),
    ],
)
def test_what_cannot_be_called_is_one_sentence(cli: Cli, words: tuple[str, ...], says: str) -> None:
    told = cli("call", *words)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert says in told.stderr


def test_what_the_control_plane_refuses_is_exit_code_3(it: Cloud, cli: Cli) -> None:
    told = cli("call", "StopInvocation", "InvokeId=t-nowhere")
    assert told.returncode == 3
    assert "InvalidInvokeId.NotFound" in told.stderr
