"""What watches a control plane asks it: is it alive, is it ready, and how much there is of what."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

import cloudhand
from cloudhand.control.tenancy import Tenancy
from cloudhand.core.totals import Totals
from cloudhand.gateway.channel import Receive, Send
from cloudhand.server.settings import Network
from cloudhand.store.database import StoreError

PATHS = ("/healthz", "/readyz", "/metrics")

disable_created_metrics()  # type: ignore[no-untyped-call]  # they are a second series for each
# Seconds; a call takes a millisecond, one to thousands of machines a second.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Name, help, the label beside the account's (empty: there is none), and how it is counted.
_GAUGES: Sequence[tuple[str, str, str, Callable[[Totals], Mapping[str, int]]]] = (
    ("instances", "Instances, by state.", "state", lambda one: one.instances),
    ("managed_instances", "Machines that have joined.", "", lambda one: {"": one.managed}),
    ("agents_online", "Agents that are online.", "", lambda one: {"": one.agents_online}),
    ("targets", "Commands on machines that are kept, by state.", "state", lambda one: one.targets),
    ("executions", "Executions that are kept, by state.", "state", lambda one: one.executions),
    (
        "notifications_waiting",
        "Events that people are still to be told of.",
        "",
        lambda one: {"": one.news_waiting},
    ),
    (
        "notification_channels_failing",
        "Notification channels whose last message was not taken.",
        "",
        lambda one: {"": one.channels_failing},
    ),
    (
        "power_overdue",
        "Stops and restarts by exit code that were not seen to be done in time.",
        "",
        lambda one: {"": one.power_overdue},
    ),
    (
        "overdue",
        "What is not final 30 s after its deadline, by noun: always 0, or nobody decides.",
        "noun",
        lambda one: one.overdue,
    ),
)


class Watching:
    """An ASGI application for three paths, and the count of what the others were asked."""

    def __init__(self, tenancy: Tenancy, store: Path, metrics_to: Sequence[Network]) -> None:
        """``store``: the file of the first account. ``metrics_to``: beside this machine."""
        self._tenancy = tenancy
        self._metrics_to = metrics_to
        self._registry = CollectorRegistry()
        self._totals = _Totals(store)
        self._registry.register(self._totals)
        labels = ("face", "status")
        self._requests = Counter(
            "cloudhand_requests",
            "Requests that were answered, by who asked: cloud, agents, installers, tools.",
            labels,
            registry=self._registry,
        )
        self._seconds = Histogram(
            "cloudhand_request_seconds",
            "How long an answer took.",
            ("face",),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/healthz":
                status, text = await self._health()
            case "/readyz":
                status, text = await self._readiness()
            case _ if self._may_measure(scope):
                status, text = await self._metrics()
            case _:
                status, text = 403, "metrics are for this machine; `serve --metrics-to` says who\n"
        measured = scope["path"] == "/metrics" and status == 200
        body = text.encode()
        headers = [
            (b"content-type", CONTENT_TYPE_LATEST.encode() if measured else b"text/plain"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def counted(self, face: str, send: Send) -> Send:
        """The same, and the answer is counted as it begins."""
        began = time.perf_counter()

        async def count(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._requests.labels(face, str(message["status"])).inc()
                self._seconds.labels(face).observe(time.perf_counter() - began)
            await send(message)

        return count

    async def _health(self) -> tuple[int, str]:
        try:
            overdue = await self._overdue()
        except StoreError as error:
            return 503, f"not well: {error}\n"
        return 200, f"well\noverdue {overdue}\n"

    async def _readiness(self) -> tuple[int, str]:
        silent = {str(one) for control in self._tenancy.controls for one in control.health.silent()}
        if silent:
            return 503, f"not ready: nothing was heard of {', '.join(sorted(silent))}\n"
        try:
            await self._overdue()
        except StoreError as error:
            return 503, f"not ready: {error}\n"
        return 200, "ready\n"

    async def _metrics(self) -> tuple[int, str]:
        try:
            self._totals.found = await self._look()
        except StoreError as error:
            return 503, f"{error}\n"
        return 200, generate_latest(self._registry).decode()

    async def _overdue(self) -> int:
        """Anybody may ask for this, so it costs little."""
        return sum([await control.health.overdue() for control in self._tenancy.controls])

    async def _look(self) -> Mapping[str, Totals]:
        """By account."""
        return {
            control.settings.account_id: await control.health.totals()
            for control in self._tenancy.controls
        }

    def _may_measure(self, scope: Any) -> bool:
        try:
            address = ipaddress.ip_address(scope["client"][0])
        except (KeyError, TypeError, ValueError):
            return False
        return address.is_loopback or any(address in network for network in self._metrics_to)


class _Totals(Collector):
    """Of the last look."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self.found: Mapping[str, Totals] = {}

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("cloudhand_info", "Which release this is.", labels=["version"])
        info.add_metric([cloudhand.__version__], 1)
        yield info
        size = sum(_size(path) for path in (self._store, Path(f"{self._store}-wal")))
        yield GaugeMetricFamily("cloudhand_store_bytes", "Of the first account's store.", size)
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        for name, text, label, values in _GAUGES:
            family = GaugeMetricFamily(
                f"cloudhand_{name}", text, labels=["account", *([label] if label else [])]
            )
            for account, totals in self.found.items():
                found = values(totals)
                for key, value in found.items():
                    family.add_metric([account, *([key] if label else [])], value)
            yield family


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
