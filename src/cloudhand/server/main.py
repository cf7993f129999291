"""Run a control plane: from settings to something that listens, and back to nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
)
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from cloudhand.agent_dist.build import ensure as ensure_agent
from cloudhand.api import http as api_http
from cloudhand.api.connections import Connections
from cloudhand.api.http import App
from cloudhand.control.pokes import Loop
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.clock import Clock
from cloudhand.core.orders import InstanceFilter
from cloudhand.core.page import Window
from cloudhand.gateway.fleet_lock import PREFIX, FleetLock
from cloudhand.gateway.http import GatewayApp
from cloudhand.gateway.socket import SmallSocket
from cloudhand.programs.pool import Pool
from cloudhand.providers.sandbox import probe
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.reconcilers.timekeeping import keep_time
from cloudhand.server import install, watching
from cloudhand.server import state as states
from cloudhand.server.clock import SystemClock
from cloudhand.server.databases import open_database, store_file
from cloudhand.server.house import Ground, library
from cloudhand.server.houses import Houses
from cloudhand.server.install import Installer
from cloudhand.server.listener import who_listens
from cloudhand.server.published import FOLDER, PublishedAgents
from cloudhand.server.release import SignedReleases
from cloudhand.server.settings import Settings
from cloudhand.server.tls import TlsFiles, pin, renew, tls_files
from cloudhand.server.watching import Watching
from cloudhand.store.database import StoreError
from cloudhand.wire.enclosed import MESSAGE_LIMIT
from cloudhand.wire.session import USER_PATH

log = logging.getLogger(__name__)

_ELSEWHERE = ", or name another directory"
_BACKLOG = 2048
_SELDOM = timedelta(hours=1)  # a key is changed by verbs alone, which poke
_CERTIFICATE_LOOK = timedelta(hours=12)
_KEEP_ALIVE = 120  # seconds; longer than a heart-beat, so that agents keep their connection


@dataclass(frozen=True, kw_only=True)
class Running:
    """A control plane that answers."""

    url: str
    public_url: str  # for other machines; empty where it listens for this one alone
    region_id: str
    access_key_id: str
    access_key_secret: str
    ca: Path | None  # PEM of its authority, with https
    moved_from: str  # where it was last, if that was elsewhere
    mode_sentence: str  # what was found about making instances here
    tenancy: Tenancy


async def running_count(running: Running) -> int:
    """How many instances run, or are about to, whosever they are."""
    wanted = InstanceFilter(states=frozenset({"Running", "Starting"}))
    return sum(
        [
            (await control.instances.find(wanted, Window(limit=1))).total
            for control in running.tenancy.controls
        ]
    )


class CannotStart(Exception):
    """Why there is no control plane, in one sentence."""


@contextlib.asynccontextmanager
async def control_plane(settings: Settings) -> AsyncIterator[Running]:
    """Serve until the block ends; CannotStart when that cannot begin."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            stack.enter_context(states.held(settings.state, temporary=settings.temporary))
            found = probe.probe(plain_processes=settings.plain_processes, within=settings.state)
            listener = stack.enter_context(_listen(settings))
            port: int = listener.getsockname()[1]
            tls = _tls(settings)
            agent = _agent()
            database = open_database(settings.state)
        except (states.CannotUse, probe.ProbeError) as error:
            raise CannotStart(str(error)) from error
        except StoreError as error:
            raise CannotStart(f"{error}{_ELSEWHERE}") from error
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise CannotStart(f"cannot use {settings.state}: {why}{_ELSEWHERE}") from error
        programs = Pool()
        stack.push_async_callback(programs.close)
        url = _url(settings, _reachable(settings.listen_host), port)
        before = states.last_url(settings.state)
        clock = SystemClock()
        ground = Ground(
            settings=settings,
            clock=clock,
            mode=found.mode,
            agent=agent,
            releases=SignedReleases(settings.state, agent),
            url=url,
            ca=tls.authority.read_text() if tls else "",
            programs=programs,
            library=library(),
        )
        houses = Houses(ground, database)
        stack.push_async_callback(houses.close_all)
        try:
            key = await houses.prepare()
            states.keep_url(settings.state, url)
        except StoreError as error:
            raise CannotStart(f"{error}{_ELSEWHERE}") from error
        running = Running(
            url=url,
            public_url=_public_url(settings, port),
            region_id=settings.region_id,
            access_key_id=key.id,
            access_key_secret=key.secret,
            ca=tls.authority if tls else None,
            moved_from=before if before != url else "",
            mode_sentence=found.sentence,
            tenancy=houses.tenancy,
        )
        loops = _loops(houses, clock, settings.state, running)
        watched = Watching(houses.tenancy, store_file(settings.state), settings.metrics_to)
        app = _faces(houses, _installer(ground, tls), watched)
        renewal = _renewal(settings)
        async with serving(app, loops, listener, tls, renewal=renewal, clock=ground.clock):
            states.write_endpoint(settings.state, _endpoint(running))
            yield running


def _loops(
    houses: Houses, clock: SystemClock, state: Path, running: Running
) -> tuple[Coroutine[Any, Any, None], ...]:
    tenancy = houses.tenancy
    time = keep_time(tenancy.first, clock, lambda: tenancy.controls)
    return houses.run(), time, _keep_telling(state, running)


def _tls(settings: Settings) -> TlsFiles | None:
    if not settings.tls:
        return None
    return tls_files(settings.state, settings.listen_host, settings.names)


def _renewal(settings: Settings) -> Callable[[], bool]:
    return partial(renew, settings.state, settings.listen_host, settings.names)


def _agent() -> Path:
    try:
        return ensure_agent()
    except OSError as error:
        raise CannotStart(
            f"cannot write {error.filename}, the agent of this version: have the owner of that"
            " directory run `make agent`"
        ) from error


@contextlib.asynccontextmanager
async def serving(
    app: App,
    loops: Iterable[Coroutine[Any, Any, None]],
    listener: socket.socket,
    tls: TlsFiles | None,
    *,
    renewal: Callable[[], bool],
    clock: Clock,
) -> AsyncIterator[None]:
    """The web server and the loops, for as long as the block lasts.

    ``renewal`` makes the certificate anew if it is time, and says whether it was.
    """
    server = _Server(web_config(app, tls))
    loops = [*loops, *([_keep_certificate(server.config, tls, renewal, clock)] if tls else [])]
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        web = tasks.create_task(server.serve(sockets=[listener]))
        running = [tasks.create_task(loop) for loop in loops]
        try:
            while not server.started and not web.done():
                await asyncio.sleep(0.001)  # uvicorn offers no event to wait for
            yield
        except Exception as error:  # raised below, and not in a group of one
            failure = error
        finally:
            server.should_exit = True
            server.force_exit = True
            for loop in running:
                loop.cancel()
    if failure is not None:
        raise failure


async def _keep_certificate(
    config: uvicorn.Config, tls: TlsFiles, renewal: Callable[[], bool], clock: Clock
) -> None:
    """Have who connects meet a certificate that has not expired, however long we run. For ever."""
    while True:
        await clock.sleep_until(clock.now() + _CERTIFICATE_LOOK)
        try:
            if renewal() and config.ssl is not None:
                config.ssl.load_cert_chain(tls.certificate, tls.key)
                log.info("certificate renewed")
        except OSError as error:  # of ssl, too; it is tried again well before the old one expires
            log.error("certificate not renewed", extra={"error": str(error)})


def _installer(ground: Ground, tls: TlsFiles | None) -> Installer:
    plane = install.Plane(
        region_id=ground.settings.region_id,
        state=ground.settings.state,
        authority=ground.ca,
        pin=pin(tls.certificate) if tls else "",
    )
    return Installer(plane, ground.releases, PublishedAgents(plane.state / FOLDER))


def _faces(houses: Houses, installer: Installer, watched: Watching) -> App:
    """One port for agents and terminals, callers of the cloud API, who installs, who watches, and
    what else restarts machines."""
    gateway, api = GatewayApp(houses), api_http.app(houses.tenancy)
    fleet_lock = FleetLock(houses.tenancy)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        path = scope["path"]
        http = scope["type"] == "http"
        if http and path in watching.PATHS:
            await watched(scope, receive, send)
        elif http and (path == install.PATH or path.startswith(install.PROGRAMS)):
            await installer(scope, receive, watched.counted("installers", send))
        elif http and path.startswith(PREFIX):
            await fleet_lock(scope, receive, watched.counted("tools", send))
        elif path.startswith("/luban/") or path == USER_PATH:
            await gateway(scope, receive, watched.counted("agents", send))
        else:
            await api(scope, receive, watched.counted("cloud", send))

    return app


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: whoever runs us decides what a signal means."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def web_config(
    app: App,
    tls: TlsFiles | None,
    *,
    lines: Connections | None = None,
    time_limit: float = api_http.TIME_LIMIT,
) -> uvicorn.Config:
    """The web server as agents and callers of the cloud API need it."""
    lines = Connections() if lines is None else lines  # an empty one is false
    return uvicorn.Config(
        app,
        http=api_http.protocol(lines, time_limit=time_limit),
        ws=SmallSocket,
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # agents ping
        ws_max_size=MESSAGE_LIMIT,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # an address that a caller claims is none
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        ssl_certfile=str(tls.certificate) if tls else None,
        ssl_keyfile=str(tls.key) if tls else None,
    )


@contextlib.contextmanager
def _listen(settings: Settings) -> Iterator[socket.socket]:
    """Bind the port; when none was asked for, the one that the agents of this state know."""
    host, port = settings.listen_host, settings.listen_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _bind(listener, host, port or states.last_port(settings.state), wanted=bool(port))
        except OSError as error:
            raise CannotStart(f"cannot listen on {host}:{port}: {_why(error, port)}") from error
        _check_openness(settings, bound=listener.getsockname()[0])
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener


def _check_openness(settings: Settings, *, bound: str) -> None:
    """CannotStart where others could read along. ``bound``: the address, whatever name it had."""
    if not (settings.tls or settings.plain_http or _is_loopback(bound)):
        raise CannotStart(
            f"cannot listen on {settings.listen_host} without TLS: whoever is on the way could read"
            " all commands, outputs and the keys of agents; `cloudhand serve` has --tls for that,"
            " and where something else encrypts say --plain-http"
        )


def _why(error: OSError, port: int) -> str:
    if error.errno != errno.EADDRINUSE:
        what = (
            "a port from 1024 on" if error.errno == errno.EACCES else "an address of this machine"
        )
        return f"{(error.strerror or str(error)).lower()}; name {what} with --listen"
    who = who_listens(port)
    return f"{who or 'another process'} listens there; end it, or name another port with --listen"


def _bind(listener: socket.socket, host: str, port: int, *, wanted: bool) -> None:
    try:
        listener.bind((host, port))
    except OSError:
        if wanted:
            raise
        listener.bind((host, 0))


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _public_url(settings: Settings, port: int) -> str:
    host = settings.listen_host
    if settings.names:
        return _url(settings, settings.names[0], port)
    if host in ("0.0.0.0", "::"):
        return _url(settings, socket.gethostname(), port)
    return "" if host == "localhost" or _is_loopback(host) else _url(settings, host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name


def _url(settings: Settings, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls else 'http'}://{shown}:{port}"


async def _keep_telling(state: Path, running: Running) -> None:
    """Where it is, and the owner's key, which may be changed for another. For ever."""
    first = running.tenancy.first
    told = running.access_key_id

    async def look() -> None:
        nonlocal told
        key = await first.accounts.first()
        if key is not None and key.id != told:
            another = replace(running, access_key_id=key.id, access_key_secret=key.secret)
            states.write_endpoint(state, _endpoint(another))
            told = key.id

    await keep_looking(Loop.OWN_KEY, look, pokes=first.pokes, clock=first.clock, at_latest=_SELDOM)


def _endpoint(running: Running) -> states.Endpoint:
    return states.Endpoint(
        url=running.url,
        region=running.region_id,
        access_key_id=running.access_key_id,
        access_key_secret=running.access_key_secret,
        ca=str(running.ca) if running.ca else "",
        public_url=running.public_url,
    )
