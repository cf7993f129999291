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

from cloudhand.cli import pointer
from cloudhand.cli.errors import ClientError, Mistake, Unreachable

_KEY_ID, _KEY_SECRET = "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
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

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def command(self, words: str) -> str:
        """What to type to have another command ask the same one."""
        return f"`cloudhand {words}{self.options}`"


def find_endpoint(state: Path | None = None, url: str = "", ca: Path | None = None) -> Endpoint:
    """The control plane that is named; else of the environment; else the newest. ClientError.

    Says on standard error which one it is when several could be meant.
    """
    if state is not None and url:
        raise Mistake("name the control plane by --state or by --endpoint, not by both")
    authority = f" --ca {shlex.quote(str(ca.absolute()))}" if ca else ""
    if state is not None:
        options = f" --state {shlex.quote(str(state.absolute()))}{authority}"
        found = replace(_of_state(state), options=options)
    elif url:
        found = replace(_of_url(url), options=f" --endpoint {shlex.quote(url)}{authority}")
    elif named := os.environ.get("CLOUDHAND_ENDPOINT", ""):
        found = replace(_of_url(named), options=authority)
    else:
        found = _newest()
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


def _newest() -> Endpoint:
    states = pointer.living()
    if not states:
        raise ClientError(
            "cannot find a control plane: start one with `cloudhand up`, or name its state"
            " directory with --state"
        )
    newest, *others = states
    found = _of_state(newest)
    if not others:
        return found
    print(f"Using the control plane at {found.url} ({newest}); {_also(others)}", file=sys.stderr)
    return replace(found, options=f" --state {shlex.quote(str(newest))}")


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


def _of_url(url: str) -> Endpoint:
    """With the key of the environment; else with what a control plane of this user keeps."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Mistake(f"cannot use the endpoint {url}: it reads like http://127.0.0.1:8650")
    url = f"{parts.scheme}://{parts.netloc}"
    known = _known(url)
    given = [os.environ.get(name, "") for name in (_KEY_ID, _KEY_SECRET)]
    if not all(given):
        if known is not None:
            return known
        _listened_to(url)
        missing = _KEY_SECRET if given[0] else _KEY_ID
        raise Mistake(
            f"cannot use {url} without {missing}: set it, too, or name the control plane by --state"
        )
    default_region = known.region_id if known else "cn-hangzhou"
    return Endpoint(
        url=url,
        region_id=os.environ.get("ALIBABA_CLOUD_REGION_ID", default_region),
        access_key_id=given[0],
        access_key_secret=given[1],
        ca=os.environ.get("CLOUDHAND_CA", known.ca if known else ""),
        key_from=f"{_KEY_ID} and {_KEY_SECRET}",
    )


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
