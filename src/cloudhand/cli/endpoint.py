"""Which control plane a command asks, and as whom."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from cloudhand.cli import pointer, profiles
from cloudhand.cli.errors import ClientError, Mistake, Unreachable

KEY_ID, KEY_SECRET = "CLOUDHAND_ACCESS_KEY_ID", "CLOUDHAND_ACCESS_KEY_SECRET"
_REAL_KEY_ID = "ALIBABA_CLOUD_ACCESS_KEY_ID"
_REGION = "cn-hangzhou"
_TIMEOUT = 10  # seconds


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a control plane is, and who asks."""

    url: str
    region_id: str
    access_key_id: str
    access_key_secret: str
    ca: str = ""  # path of a PEM file
    state: Path | None = None  # its directory, if that is how it was found
    options: str = ""  # what has another command ask the same one, with a space before it
    key_from: str = ""  # where the access key stood
    public_url: str = ""  # for other machines; empty where that is not known
    profile: str = ""  # its name, if that is how it was found

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def command(self, words: str) -> str:
        """What to type to have another command ask the same one."""
        return f"`cloudhand {words}{self.options}`"


@dataclass(frozen=True, kw_only=True)
class Key:
    """An access key that was given, and not found with a control plane."""

    id: str
    secret: str
    given_by: str


def find_endpoint(
    state: Path | None = None,
    url: str = "",
    ca: Path | None = None,
    *,
    key: Key | None = None,
    use_profile: bool = True,
) -> Endpoint:
    """The control plane that is named; else of the environment; else of the profile; else the
    newest. ClientError.

    Says on standard error which one it is when several could be meant.
    """
    if state is not None and url:
        raise Mistake("name the control plane by --state or by --endpoint, not by both")
    authority = f" --ca {shlex.quote(str(ca.absolute()))}" if ca else ""
    if state is not None:
        options = f" --state {shlex.quote(str(state.absolute()))}{authority}"
        found = replace(_of_state(state), options=options)
        found = _as(found, key) if key else found
    elif named := url or os.environ.get("CLOUDHAND_ENDPOINT", ""):
        option = f" --endpoint {shlex.quote(url)}" if url else ""
        found = _of_url(named, key, use_profile=use_profile)
        found = replace(found, options=f"{option}{authority}")
    elif use_profile and (profile := profiles.find()):
        found = replace(_of_profile(profile), options=authority)
        _tell_of_others(found)
    else:
        found = _newest(key)
    if ca and found.url.startswith("http:"):
        raise Mistake(f"cannot use --ca {ca}: it is for https, and this is {found.url}")
    return replace(found, ca=str(ca)) if ca else found


def as_it_is_now(endpoint: Endpoint) -> Endpoint:
    """The same control plane, which may listen elsewhere since it was started again."""
    if endpoint.state is None:
        return endpoint
    try:
        found = _of_state(endpoint.state)
    except ClientError:
        return endpoint  # it is not there yet
    return replace(found, options=endpoint.options, ca=endpoint.ca or found.ca)


def _of_profile(profile: profiles.Profile) -> Endpoint:
    found = Endpoint(
        url=_address(profile.url),
        region_id=os.environ.get("CLOUDHAND_REGION_ID") or profile.region_id,
        access_key_id=profile.access_key_id,
        access_key_secret=profile.access_key_secret,
        ca=os.environ.get("CLOUDHAND_CA") or profile.ca,
        key_from=f"the profile {profile.name}; `cloudhand configure` writes it anew",
        profile=profile.name,
    )
    key = _key_of_environment()
    return _as(found, key) if key else found


def _tell_of_others(found: Endpoint) -> None:
    others = [state for url, state in living().items() if url != found.url]
    if others:
        named = f"profile {found.profile} of {profiles.SHOWN}"
        print(f"Using the control plane at {found.url} ({named}); {_also(others)}", file=sys.stderr)


def _newest(key: Key | None) -> Endpoint:
    states = pointer.living()
    if not states:
        raise ClientError(
            "cannot find a control plane: start one with `cloudhand up`, or name its state"
            " directory with --state"
        )
    newest, *others = states
    found = _of_state(newest)
    options = f" --state {shlex.quote(str(newest))}"
    if key := key or _key_of_environment():
        found, options = _as(found, key), f" --endpoint {found.url}"
    if not others:
        return found
    print(f"Using the control plane at {found.url} ({newest}); {_also(others)}", file=sys.stderr)
    return replace(found, options=options)


def _also(others: Sequence[Path]) -> str:
    named = " or ".join(f"--state {shlex.quote(str(state))}" for state in others)
    return f"{'another runs' if len(others) == 1 else f'{len(others)} others run'}: {named}"


def _of_state(state: Path) -> Endpoint:
    try:
        values = json.loads((state / "endpoint.json").read_text())
    except PermissionError:
        raise ClientError(
            f"cannot read {state}/endpoint.json: it belongs to another user; ask as that one"
        ) from None
    except ValueError:
        raise ClientError(
            f"cannot read {state}/endpoint.json: it is damaged; start the control plane again"
        ) from None
    except OSError:
        raise ClientError(_none_runs(state)) from None
    return Endpoint(
        url=values["url"],
        region_id=values["region"],
        access_key_id=values["accessKeyId"],
        access_key_secret=values["accessKeySecret"],
        ca=values["ca"],
        public_url=values.get("publicUrl", ""),
        state=state,
        key_from=f"{state}/endpoint.json",
    )


def _none_runs(state: Path) -> str:
    if not state.exists():
        why = "there is no such directory"
    elif not state.is_dir():
        why = "it is no directory"
    elif not (state / "cloudhand.sqlite").exists():
        why = "it holds no state of one"
    else:
        return f"no control plane runs on {state}: {starting(state)}"
    return f"cannot find a control plane by --state {state}: {why}; {starting(state)}"


def starting(state: Path) -> str:
    """What to type to start a control plane on a state directory."""
    option = f"--state {shlex.quote(str(state))}"
    return f"start one with `cloudhand up {option}` or `cloudhand serve {option}`"


def _of_url(url: str, key: Key | None, *, use_profile: bool) -> Endpoint:
    """With the key that is given; else that of the profile for it; else what a control plane of
    this user keeps."""
    url = _address(url)
    key = key or _key_of_environment()
    if key is None and use_profile:
        profile = profiles.find()
        if profile and _address(profile.url) == url:
            return _of_profile(profile)
    known = _known(url)
    if known is not None:
        return _as(known, key) if key else known
    if key is None:
        _listened_to(url)
        unread = f"; {_REAL_KEY_ID} is for the real service" if _REAL_KEY_ID in os.environ else ""
        raise Mistake(
            f"cannot use {url} without {KEY_ID}: set it, too, or name the control plane by"
            f" --state{unread}"
        )
    return _as(Endpoint(url=url, region_id=_REGION, access_key_id="", access_key_secret=""), key)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Mistake(f"cannot use the endpoint {url}: it reads like http://127.0.0.1:8650")
    return f"{parts.scheme}://{parts.netloc}"


def _as(found: Endpoint, key: Key) -> Endpoint:
    """The same, asked by somebody else, whom its state directory does not know."""
    return Endpoint(
        url=found.url,
        region_id=os.environ.get("CLOUDHAND_REGION_ID") or found.region_id,
        access_key_id=key.id,
        access_key_secret=key.secret,
        ca=os.environ.get("CLOUDHAND_CA") or found.ca,
        key_from=key.given_by,
        options=found.options,
        profile=found.profile,
    )


def _key_of_environment() -> Key | None:
    """Mistake if half of it is there."""
    key_id, secret = (os.environ.get(name, "") for name in (KEY_ID, KEY_SECRET))
    if bool(key_id) != bool(secret):
        missing, there = (KEY_SECRET, KEY_ID) if key_id else (KEY_ID, KEY_SECRET)
        raise Mistake(f"{there} is set, and {missing} is not: set both, or none")
    return Key(id=key_id, secret=secret, given_by=f"{KEY_ID} and {KEY_SECRET}") if key_id else None


def _listened_to(url: str) -> None:
    """Unreachable unless somebody listens there."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((parts.hostname, port), timeout=_TIMEOUT).close()
    except OSError as error:
        raise Unreachable(url, (error.strerror or str(error)).lower()) from None


def living() -> dict[str, Path]:
    """The states of the control planes of this user that live, by their addresses."""
    return {found.url: found.state for found in _living() if found.state}


def _living() -> Iterator[Endpoint]:
    for state in pointer.living():
        with suppress(ClientError):  # it ended just now
            yield _of_state(state)


def _known(url: str) -> Endpoint | None:
    """The living control plane of this user at an address."""
    return next((found for found in _living() if found.url == url), None)
