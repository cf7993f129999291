"""Users and roles, their keys and policies, as the public API tells them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cloudhand.cli.client import RAM, Client
from cloudhand.cli.errors import ApiError, Mistake

_PAGE = 1000
_MISSING = ("EntityNotExist.User", "EntityNotExist.Role")

Kind = Literal["User", "Role"]
Name = Annotated[str, typer.Argument(help="Of the user, or with --role of the role.")]
IsRole = Annotated[bool, typer.Option("--role", help="It is a role, and no user.")]


@dataclass(frozen=True, kw_only=True)
class Key:
    id: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class Person:
    kind: Kind
    name: str
    policies: dict[str, str]  # their types, by their names
    keys: tuple[Key, ...] = ()


def call(client: Client, action: str, **parameters: object) -> dict[str, Any]:
    """Call an operation of RAM; ApiError, or ClientError."""
    return client.call(action, parameters, version=RAM)


def kind_of(is_role: bool) -> Kind:
    return "Role" if is_role else "User"


def everybody(client: Client) -> list[Person]:
    """Users, then roles."""
    users = [one["UserName"] for one in pages(client, "ListUsers", "Users", "User")]
    roles = [one["RoleName"] for one in pages(client, "ListRoles", "Roles", "Role")]
    return [
        *(find(client, "User", name) for name in users),
        *(find(client, "Role", name) for name in roles),
    ]


def find(client: Client, kind: Kind, name: str) -> Person:
    """Mistake if there is none of that name."""
    try:
        found = call(client, f"ListPoliciesFor{kind}", **{f"{kind}Name": name})
    except ApiError as error:
        if error.code not in _MISSING:
            raise
        listing = client.endpoint.command("account list")
        raise Mistake(f"there is no {kind.lower()} {name}: {listing} lists all") from None
    policies = {one["PolicyName"]: one["PolicyType"] for one in found["Policies"]["Policy"]}
    return Person(
        kind=kind,
        name=name,
        policies=policies,
        keys=keys(client, name) if kind == "User" else (),
    )


def keys(client: Client, name: str) -> tuple[Key, ...]:
    """``name``: of the user; empty: whoever asks."""
    found = call(client, "ListAccessKeys", UserName=name)["AccessKeys"]["AccessKey"]
    return tuple(Key(id=one["AccessKeyId"], active=one["Status"] == "Active") for one in found)


def attach(client: Client, kind: Kind, name: str, wanted: dict[str, str]) -> None:
    """``wanted``: the types of policies by their names."""
    for policy, of in wanted.items():
        named = {f"{kind}Name": name, "PolicyName": policy, "PolicyType": of}
        call(client, f"AttachPolicyTo{kind}", **named)


def detach(client: Client, person: Person, policy: str) -> None:
    call(
        client,
        f"DetachPolicyFrom{person.kind}",
        PolicyType=person.policies[policy],
        PolicyName=policy,
        **{f"{person.kind}Name": person.name},
    )


def meant(client: Client, names: Sequence[str]) -> dict[str, str]:
    """The types of policies by their names; Mistake if there is no such policy."""
    known = {one["PolicyName"]: one["PolicyType"] for one in policies(client)}
    missing = [name for name in names if name not in known]
    if missing:
        raise Mistake(f"there is no policy {missing[0]}: there are {', '.join(sorted(known))}")
    return {name: known[name] for name in names}


def policies(client: Client) -> Iterator[dict[str, Any]]:
    return pages(client, "ListPolicies", "Policies", "Policy")


def pages(client: Client, action: str, of: str, one: str) -> Iterator[dict[str, Any]]:
    """What a listing tells; ``of`` and ``one``: as its answer calls the list and what is in it."""
    marker = ""
    while True:
        more = {"Marker": marker} if marker else {}
        page = call(client, action, MaxItems=_PAGE, **more)
        yield from page[of][one]
        if not page["IsTruncated"]:
            return
        marker = page["Marker"]


def read(file: str) -> str:
    """What stands in it, or comes in for ``-``; Mistake."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"cannot read {file}: {error}") from None


def new_key(client: Client, name: str) -> None:
    """Make an access key and print it, as a shell takes it: its secret is told once.

    ``name``: as of ``keys``.
    """
    print_key(client, call(client, "CreateAccessKey", UserName=name)["AccessKey"])


def print_key(client: Client, made: Mapping[str, str]) -> None:
    """An access key as it was just made."""
    print(f"export CLOUDHAND_ENDPOINT={shlex.quote(client.endpoint.url)}")
    print(f"export CLOUDHAND_ACCESS_KEY_ID={made['AccessKeyId']}")
    print(f"export CLOUDHAND_ACCESS_KEY_SECRET={made['AccessKeySecret']}")
