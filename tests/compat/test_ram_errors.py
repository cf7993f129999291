"""Every error about users, roles and policies is caused, and is raised by an official client."""

from __future__ import annotations

import pytest

from cloudhand.api.ram.operations import OPERATIONS as RAM_OPERATIONS
from cloudhand.api.sts.operations import OPERATIONS as STS_OPERATIONS
from tests.api.clients import RAM, STS, ClientError, classic, tea
from tests.api.cloud import Cloud
from tests.compat.fits import declares
from tests.compat.ram_rows import EXTENSIONS, OWN, POLICY, ROWS, TRUST, Row

OPERATIONS = {**RAM_OPERATIONS, **STS_OPERATIONS}
# Of accounts: tests/api/test_accounts.py; of an execution whose role or starter is gone:
# tests/api/test_ram.py.
ELSEWHERE = {
    ("CreateAccount", "LimitExceeded.Account"),
    ("CreateAccount", "NoPermission"),
    ("DeleteAccount", "DeleteConflict.Account.Instance"),
    ("DeleteAccount", "NoPermission"),
    ("ListAccounts", "NoPermission"),
    ("GetCallerIdentity", "EntityNotExist.Role"),
    ("GetCallerIdentity", "EntityNotExist.User"),
}


@pytest.fixture(scope="module")
def shared(it: Cloud) -> Cloud:
    """An account with somebody of each kind; no test changes them."""
    call = tea(it.endpoint, sdk=RAM)
    for name in ("ann", "keyed"):
        call("CreateUser", UserName=name)
    for _ in range(2):
        call("CreateAccessKey", UserName="keyed")
    call("CreateRole", RoleName="helper", AssumeRolePolicyDocument=TRUST)
    call("CreatePolicy", PolicyName="mine", PolicyDocument=POLICY)
    call("AttachPolicyToUser", UserName="ann", **OWN)
    call("AttachPolicyToRole", RoleName="helper", **OWN)
    return it


def _name(row: Row) -> str:
    return f"{row[0]} {row[2]}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_the_operation_declares_the_error(row: Row) -> None:
    action, _, code, status = row
    assert declares(OPERATIONS[action], code, status)


def test_every_declared_error_is_caused_here() -> None:
    by_a_row = {(action, code) for action, _, code, _ in ROWS}
    declared = {(o.name, error.code) for o in OPERATIONS.values() for error in o.declared}
    assert declared - by_a_row == ELSEWHERE


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_an_official_client_raises_the_error(shared: Cloud, row: Row, older: bool) -> None:
    action, values, code, status = row
    older = older or action in EXTENSIONS  # which the newer one cannot name
    sdk = STS if action in STS_OPERATIONS else RAM
    make = classic if older else tea
    with pytest.raises(ClientError) as caught:
        make(shared.endpoint, sdk=sdk)(action, **values)
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("document", "why"),
    [("{}", 'it must be a map with "Version": "1"'), ("no", "it is no JSON")],
)
def test_what_is_wrong_with_a_policy_is_told(shared: Cloud, document: str, why: str) -> None:
    with pytest.raises(ClientError) as caught:
        tea(shared.endpoint, sdk=RAM)("CreatePolicy", PolicyName="x", PolicyDocument=document)
    assert why in caught.value.message
