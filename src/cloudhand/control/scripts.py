"""What a command's script is on a machine, with its values: made when it is handed out, not kept.

What it names of the parameter store is read with the rights that whoever asked for it has then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from cloudhand.control.rights import check_within, read_stored
from cloudhand.control.settings import ControlSettings
from cloudhand.core import command as commands
from cloudhand.core.account import Identity, identity
from cloudhand.core.command import CommandType, StoredNames, StoredValues
from cloudhand.core.errors import NotAuthorized, ParameterProblem
from cloudhand.core.instance import AgentKind
from cloudhand.core.invocation import Invocation, Target
from cloudhand.store.transaction import Transaction

# Compat: a published agent removes the file of a script, after it has run, that says this.
_REMOVE = {
    CommandType.SHELL: b"\n# oos-secret\n",
    CommandType.BATCH: b"\r\nrem oos-secret\r\n",
    CommandType.POWERSHELL: b"\r\n# oos-secret\r\n",
}


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A script with all values that are known here."""

    content: bytes
    sealed: bool  # whether there is a secret among them


async def filled(
    tx: Transaction,
    target: Target,
    invocation: Invocation,
    kind: AgentKind,
    settings: ControlSettings,
    now: datetime,
) -> Filled:
    """ParameterProblem when something of the parameter store cannot be read any more."""
    # An agent takes the id of its task for that of the invocation, and each run has one.
    known = {"acs::invokeid": invocation.id} if target.run else {}
    script = await revealed(tx, invocation, settings, now, known)
    if script.sealed and kind is AgentKind.PUBLISHED:
        return replace(script, content=script.content + _REMOVE[invocation.command.type])
    return script


async def revealed(
    tx: Transaction,
    invocation: Invocation,
    settings: ControlSettings,
    now: datetime,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Filled:
    """A script as any machine is given it; ParameterProblem. ``known``: built-in placeholders."""
    command = invocation.command
    if not command.enable_parameter:
        return Filled(content=command.content, sealed=False)
    text = commands.fill(command.content.decode(), invocation.parameters, known)
    names = commands.stored_names(text)
    if not names.common and not names.secret:
        return Filled(content=text.encode(), sealed=False)
    values = await _stored(tx, names, identity(settings.account_id, invocation.by), settings, now)
    content = commands.reveal(text, values).encode()
    if commands.base64_size(content) > commands.CONTENT_LIMIT:
        raise ParameterProblem("TooLong")
    return Filled(content=content, sealed=bool(names.secret))


async def _stored(
    tx: Transaction, names: StoredNames, who: Identity, settings: ControlSettings, now: datetime
) -> StoredValues:
    for some, secret in ((names.common, False), (names.secret, True)):
        if some:
            reading = read_stored(who, settings.region_id, some, secret=secret)
            context = {"acs:currenttime": now.isoformat()}
            try:
                for action, things in reading.items():
                    await check_within(tx, who, action, things, context)
            except NotAuthorized as refusal:
                raise ParameterProblem("NotReadable", str(refusal)) from None
    found = await tx.stored_parameters.get_many(names.common, secret=False)
    values = StoredValues(
        common={one.name: one.version.value or "" for one in found},
        secret=await tx.stored_parameters.secrets(names.secret),
    )
    _check_there(names.common, values.common)
    _check_there(names.secret, values.secret)
    return values


def _check_there(names: Collection[str], found: Collection[str]) -> None:
    missing = sorted(set(names) - set(found))
    if missing:
        raise ParameterProblem("NotStored", ", ".join(missing))
