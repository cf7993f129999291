"""`cloudhand configure`: have a profile name a control plane, for our commands and for `aliyun`."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cloudhand.cli import options, profiles
from cloudhand.cli.client import STS, Client
from cloudhand.cli.confirm import Declined
from cloudhand.cli.endpoint import KEY_ID, KEY_SECRET, Endpoint, Key, find_endpoint
from cloudhand.cli.errors import ApiError, ClientError, Mistake
from cloudhand.cli.profiles import Document, Profile

EPILOG = (
    "Exit codes: 0 written, removed, or nothing to change; 1 you said no; 2 not understood; 3 the"
    " control plane refused or could not be reached, or the file could not be read or written."
)
_HIDDEN = "********"


def command(
    profile_name: Annotated[
        str,
        typer.Option(
            help="The profile; else that of CLOUDHAND_PROFILE, by which all commands go, else"
            " cloudhand.",
            metavar="NAME",
        ),
    ] = "",
    access_key_id: Annotated[
        str,
        typer.Option(
            help="Ask with this key; its secret is that of CLOUDHAND_ACCESS_KEY_SECRET, or is asked"
            " for, or comes in.",
            metavar="KEY",
        ),
    ] = "",
    region: Annotated[str, typer.Option(help="The region; else what the control plane says.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take the profile away.")] = False,
    yes: options.Yes = False,
    no_check: Annotated[
        bool,
        typer.Option("--no-check", help="Do not try first whether it answers and knows the key."),
    ] = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Write a profile into ~/.aliyun/config.json that names a control plane and its access key.

    Without options it is the one of CLOUDHAND_ENDPOINT and CLOUDHAND_ACCESS_KEY_ID, else the one of
    this user that runs. Our commands ask the control plane of the profile then, unless an option or
    CLOUDHAND_ENDPOINT names another; the `aliyun` command takes key and region from it. All else in
    the file stays as it is.
    """
    name = profile_name or profiles.chosen()
    file = profiles.path()
    was = profiles.load(file)
    if remove:
        _remove(file, was, name, yes=yes)
        return
    key = _key(access_key_id) if access_key_id else None
    found = find_endpoint(state, endpoint, ca, key=key, use_profile=False)
    if not no_check:
        found = _checked(found, region)
    _write(file, was, _wanted(found, name=name, region=region), yes=yes)


def _write(file: Path, was: Document, wanted: Profile, *, yes: bool) -> None:
    then = profiles.with_profile(was, wanted)
    if then == was:
        print(f"Nothing to change: {file} has this profile {wanted.name} already.")
        return
    print(f"In {file} the profile {wanted.name} is written:")
    for line in _changes(profiles.named(was, wanted.name), profiles.named(then, wanted.name)):
        print(line)
    _ask("Write it?", yes=yes)
    profiles.change(file, lambda now: profiles.with_profile(now, wanted))
    where = "" if wanted.name == profiles.chosen() else f" where CLOUDHAND_PROFILE is {wanted.name}"
    host = urlsplit(wanted.url).netloc
    print(f"Written. Commands ask {wanted.url}{where}, unless they are told otherwise.")
    print(f"The aliyun command has to be told where: --profile {wanted.name} --endpoint {host}")


def _changes(was: Document | None, then: Document | None) -> Iterator[str]:
    """A line for each field that becomes another, without a secret in it."""
    old, new = was or {}, then or {}
    for field in {**old, **new}:
        before = f" (was {_told(field, old[field])})" if field in old else ""
        if old.get(field) != new.get(field):
            yield f"  {field:18}  {_told(field, new.get(field, 'gone'))}{before}"


def _told(field: str, value: object) -> str:
    return _HIDDEN if field == "access_key_secret" else str(value)


def _remove(file: Path, was: Document, name: str, *, yes: bool) -> None:
    if profiles.without_profile(was, name) == was:
        print(f"Nothing to change: {file} has no profile {name}.")
        return
    key_id = (profiles.named(was, name) or {}).get("access_key_id")
    print(f"From {file} the profile {name} is taken, with the access key {key_id}.")
    _ask("Remove it?", yes=yes)
    profiles.change(file, lambda now: profiles.without_profile(now, name))
    print("Removed.")
    if profiles.load(file).get("current") == name:
        # Another one, a real account's maybe, is not made current without a word of its owner.
        print("`current` still names it there: choose another one with the aliyun command.")


def _ask(question: str, *, yes: bool) -> None:
    """Declined unless the answer is yes; Mistake if nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Mistake("nobody is here to be asked: add --yes; nothing was written")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined("you did not say yes: nothing was written")


def _key(key_id: str) -> Key:
    """With its secret, which is no argument: a list of processes would show it. Mistake."""
    if os.environ.get(KEY_ID) == key_id and (secret := os.environ.get(KEY_SECRET)):
        pass
    elif sys.stdin.isatty():
        secret = getpass.getpass(f"Secret of {key_id} (it is not shown): ")
    else:
        secret = sys.stdin.readline()
    secret = secret.strip()
    if not secret:
        raise Mistake(f"the secret of {key_id} is missing: set {KEY_SECRET}, or let it come in")
    return Key(id=key_id, secret=secret, given_by="--access-key-id")


def _checked(found: Endpoint, region: str) -> Endpoint:
    """It answers and knows the key; with the region it has. ClientError."""
    client = Client(found)
    try:
        told = _region(client)
        if told and region not in ("", told):
            raise Mistake(f"cannot use --region {region}: the control plane is {told}")
        client.endpoint = replace(found, region_id=told or region or found.region_id)
        client.call("GetCallerIdentity", version=STS)
    except Mistake:
        raise
    except ClientError as error:
        raise ClientError(f"{error}; nothing was written, --no-check writes all the same") from None
    finally:
        client.close()
    return client.endpoint


def _region(client: Client) -> str:
    """What the control plane says, if it tells whoever asks."""
    try:
        answer = client.call("DescribeRegions", {"RegionId": ""})
    except ApiError:
        return ""
    return str(answer["Regions"]["Region"][0]["RegionId"])


def _wanted(found: Endpoint, *, name: str, region: str) -> Profile:
    return Profile(
        name=name,
        url=found.url,
        access_key_id=found.access_key_id,
        access_key_secret=found.access_key_secret,
        region_id=region or found.region_id,
        ca=str(Path(found.ca).absolute()) if found.ca else "",
    )
