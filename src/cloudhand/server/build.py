"""How the parts become one control plane. The only module that knows every class."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cloudhand.api import http as api_http
from cloudhand.api.inside import Inside, served
from cloudhand.api.products import OF_TEMPLATES
from cloudhand.control.accounts import new_key
from cloudhand.control.control import Control
from cloudhand.control.pokes import Pokes
from cloudhand.control.settings import ControlSettings
from cloudhand.core.account import AccessKey, owner
from cloudhand.core.clock import Clock
from cloudhand.gateway.channel import Channel
from cloudhand.gateway.http import GatewayApp
from cloudhand.orchestration.actions.library import Library
from cloudhand.programs.pool import Pool
from cloudhand.reconcilers.executions import Executions
from cloudhand.reconcilers.means import Means
from cloudhand.server.outward import Outward
from cloudhand.server.settings import Settings
from cloudhand.store.envelope import given_envelope, open_envelope
from cloudhand.store.sqlite import SqliteDatabase
from cloudhand.wire.session import USER_PATH

KEYS_VARIABLE = "CLOUDHAND_SECRET_KEY"  # of the environment; else there is the file
KEY_FILE = "secret.key"

Asgi = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


@dataclass(frozen=True, kw_only=True)
class Parts:
    control: Control
    database: SqliteDatabase
    channel: Channel
    programs: Pool
    executions: Executions
    app: Asgi


def open_database(state: Path, *, durable: bool = True) -> SqliteDatabase:
    """StoreError, with what would help."""
    path = state / "cloudhand.sqlite"
    given = os.environ.get(KEYS_VARIABLE)
    if given:
        envelope = given_envelope(given, given_by=KEYS_VARIABLE)
    else:
        envelope = open_envelope(state / KEY_FILE, new=not path.exists())
    return SqliteDatabase(path, envelope, durable=durable)


def build(settings: Settings, database: SqliteDatabase, clock: Clock) -> Parts:
    pokes = Pokes()
    library = Library(served(OF_TEMPLATES))
    programs = Pool()
    control = Control(
        database=database,
        clock=clock,
        random=os.urandom,
        pokes=pokes,
        settings=ControlSettings(
            region_id=settings.region_id,
            power_exit_codes=settings.power_exit_codes,
            power_wait=timedelta(seconds=settings.power_wait),
            targets_limit=settings.instances_per_call,
            invocations_per_day=settings.invocations_per_day,
            requests_per_second=settings.requests_per_second,
            output_limit=settings.output_limit,
            outputs_quota=settings.outputs_quota,
        ),
        library=library,
        programs=programs,
    )
    inside = Inside(control, OF_TEMPLATES)
    means = Means(
        database=database,
        clock=clock,
        library=library,
        programs=programs,
        caller_of=inside.caller_of,
        check_read=inside.check_read,
        post=Outward(settings.outward),
    )
    channel = Channel(control.agents)
    pokes.on_kick(channel.kick)
    pokes.on_part(channel.part)
    pokes.on_cut(channel.cut)
    return Parts(
        control=control,
        database=database,
        channel=channel,
        programs=programs,
        executions=Executions(means, pokes),
        app=_faces(GatewayApp(control, channel), api_http.app(control)),
    )


def _faces(gateway: Asgi, api: Asgi) -> Asgi:
    """One port for agents, for terminals and for callers of the cloud API."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        path = scope["path"]
        face = gateway if path.startswith("/luban/") or path == USER_PATH else api
        await face(scope, receive, send)

    return app


async def ensure_access_key(control: Control) -> AccessKey:
    """The access key of this control plane, made when there is none."""
    key = await control.accounts.first()
    if key is None:
        key = new_key(owner(control.settings.account_id))
        await control.accounts.add(key)
    return key
