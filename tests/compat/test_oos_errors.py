"""Every error about templates and executions that can be caused is caused, and is raised by an
official client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cloudhand.api.oos.operations import OPERATIONS
from cloudhand.store.transaction import Transaction
from tests.api.clients import CALLERS, OOS, ClientError, tea
from tests.api.cloud import Cloud
from tests.api.oos import PAUSE, Oos, template
from tests.api.test_oos_parameters import ACTIONS as OF_PARAMETERS
from tests.api.test_oos_tags import VALID as OF_LABELS
from tests.compat.fits import declares
from tests.compat.oos_rows import ENDED, OWN, ROWS, STORED, TEXT, TRIGGERED, WAITING, Row
from tests.world import World

# Errors that a test below causes with more than one request.
BY_A_STORY = {
    ("ListExecutionRiskyTasks", "InvalidTemplate"),
    ("StartExecution", "IdempotentParameterMismatch"),
    ("TriggerExecution", "IdempotentParameterMismatch"),
    ("UpdateExecution", "IdempotentParameterMismatch"),
    ("UpdateExecution", "InvalidTemplate"),
}


@pytest.fixture(scope="module")
def shared(it: Cloud) -> Mapping[str, str]:
    """What no test changes, by its stand-in."""
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    oos.call("CreateTemplate", TemplateName="stored", Content=TEXT)
    trigger = {"Name": "event", "Action": "ACS::EventTrigger", "Properties": {}}
    found = {
        WAITING: oos.start(TEXT),
        ENDED: oos.start(TEXT),
        TRIGGERED: oos.start(template(trigger, PAUSE)),
    }
    for execution_id in found.values():
        oos.until(execution_id, "Waiting")
    oos.notify(found[ENDED], "Approve")
    oos.until(found[ENDED], "Success")
    return {**found, STORED: "stored"}


def filled(shared: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: shared.get(value, value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }


def _name(row: Row) -> str:
    return f"{row[0]} {row[2]}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_operation_declares_the_error(row: Row) -> None:
    action, _, code, status = row
    assert declares(OPERATIONS[action], code, status)


def test_every_declared_error_is_caused_here() -> None:
    by_a_row = {(action, code) for action, _, code, _ in ROWS}
    declared = {
        (o.name, error.code)
        for o in OPERATIONS.values()
        if o.name not in OF_PARAMETERS and o.name not in OF_LABELS
        for error in o.declared
    }
    assert declared - by_a_row == BY_A_STORY


def _caller(client: str, action: str) -> Any:
    return CALLERS["classic" if action in OWN else client]


@pytest.mark.parametrize("client", ["tea", "classic"])
@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_an_official_client_raises_the_error(
    it: Cloud, shared: Mapping[str, str], row: Row, client: str
) -> None:
    action, values, code, status = row
    with pytest.raises(ClientError) as caught:
        _caller(client, action)(it.endpoint, sdk=OOS)(action, **filled(shared, values))
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("action", "values", "which"),
    [
        (
            "GetTemplate",
            {"TemplateName": "none", "TemplateVersion": "v3"},
            "(cannot find template none v3)",
        ),
        ("CreateTemplate", {"TemplateName": "stored", "Content": TEXT}, "the name is taken"),
        ("CancelExecution", {"ExecutionId": "exec-none"}, "(cannot find execution exec-none)"),
        ("CancelExecution", {"ExecutionId": ENDED}, "(cannot cancel {ENDED}: it is Success)"),
        (
            "NotifyExecution",
            {"ExecutionId": WAITING, "NotifyType": "SkipTask"},
            "(cannot SkipTask in {WAITING}: no task waits for that)",
        ),
    ],
)
def test_the_message_says_what_it_is_about(
    it: Cloud, shared: Mapping[str, str], action: str, values: dict[str, Any], which: str
) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint, sdk=OOS)(action, **filled(shared, values))
    told = which.format(ENDED=shared[ENDED], WAITING=shared[WAITING])
    assert told in caught.value.message


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_every_operation_knows_its_region(it: Cloud, action: str) -> None:
    with pytest.raises(ClientError) as caught:
        _caller("tea", action)(it.endpoint, sdk=OOS)(action, RegionId="cn-atlantis")
    assert (caught.value.code, caught.value.status) == ("InvalidRegionId.NotFound", 404)


def test_a_missing_region_is_told_where_it_is_mandatory(it: Cloud) -> None:
    with pytest.raises(ClientError) as caught:
        tea(it.endpoint, sdk=OOS)("TriggerExecution", RegionId=None)
    assert (caught.value.code, caught.value.status) == ("MissingParameter.RegionId", 400)


@pytest.mark.parametrize(
    "action",
    [
        "GenerateExecutionPolicy",
        "GetServiceSettings",
        "CreateStateConfiguration",
        "CreatePatchBaseline",
        "SearchInventory",
        "CreateApplicationGroup",
        "CreateOpsItem",
        "ListGitBranches",
        "CreateChatConfiguration",
        "StartDebugExecution",
        "UpdateTemplateAttributes",
    ],
)
@pytest.mark.parametrize("client", ["tea", "classic"])
def test_an_operation_that_is_not_there_is_said_not_to_be(
    it: Cloud, action: str, client: str
) -> None:
    with pytest.raises(ClientError) as caught:
        CALLERS[client](it.endpoint, sdk=OOS)(action)
    assert (caught.value.code, caught.value.status) == ("InvalidAction.NotFound", 404)


@pytest.mark.parametrize(
    ("action", "first", "other"),
    [
        ("StartExecution", {"TemplateContent": TEXT}, {"Description": "another"}),
        ("TriggerExecution", {"ExecutionId": TRIGGERED, "Type": "Event"}, {"Content": "x"}),
        ("UpdateExecution", {"ExecutionId": WAITING, "Description": "a"}, {"Description": "b"}),
    ],
)
@pytest.mark.parametrize("client", sorted(CALLERS))
def test_a_token_fits_one_request_only(
    it: Cloud,
    shared: Mapping[str, str],
    action: str,
    first: dict[str, Any],
    other: dict[str, Any],
    client: str,
) -> None:
    call = CALLERS[client](it.endpoint, sdk=OOS)
    given = {**filled(shared, first), "ClientToken": f"token-{client.replace(' ', '-')}"}
    for _ in range(2):
        call(action, **given)
    with pytest.raises(ClientError) as caught:
        call(action, **{**given, **other})
    assert (caught.value.code, caught.value.status) == ("IdempotentParameterMismatch", 400)


def test_a_template_that_is_understood_no_more_is_told_to_be_so(it: Cloud) -> None:
    """It was kept by an older release, say."""
    oos = Oos(it, tea(it.endpoint, sdk=OOS))
    made = oos.call("CreateTemplate", TemplateName="older", Content=TEXT + "\n")["Template"]
    execution_id = oos.started(TemplateName="older")
    oos.until(execution_id, "Waiting")

    async def spoil(world: World) -> None:
        async def work(tx: Transaction) -> None:
            await tx.templates._statements.change(
                "UPDATE template_texts SET text = 'Tasks: []' WHERE hash = ?", made["Hash"]
            )

        await world.database.write(work)

    it.do(spoil)
    for action, values in (
        ("ListExecutionRiskyTasks", {"TemplateName": "older"}),
        ("UpdateExecution", {"ExecutionId": execution_id, "Parameters": "{}"}),
    ):
        with pytest.raises(ClientError) as caught:
            oos.call(action, **values)
        assert (caught.value.code, caught.value.status) == ("InvalidTemplate", 400)
