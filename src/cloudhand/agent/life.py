"""One life of a registered agent: it joins, beats once a minute, and looks when it is kicked."""

from __future__ import annotations

import os
import threading
import time
from typing import Optional

import cloudhand
from cloudhand.agent import identity as identities
from cloudhand.agent import log, machine
from cloudhand.agent.channel import Channel
from cloudhand.agent.client import Client, UnknownInstance
from cloudhand.agent.comeback import beats
from cloudhand.agent.enrolment import attempts
from cloudhand.agent.identity import Identity
from cloudhand.agent.power import Power
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.runner import Runner
from cloudhand.agent.server import Server
from cloudhand.agent.slots import Slots, own_digest
from cloudhand.agent.upgrade import Upgrader
from cloudhand.wire import agent as wire

_SHORTEST, _LONGEST = 55_000, 65_000  # ms between heart-beats that a server may choose
_CLOSE_WITHIN = 12.0  # seconds; a little more than any request takes
_BOOT = "boot"  # file: the boot id of the last agent's start


class Life:
    def __init__(
        self,
        identity: Identity,
        state: str,
        power: Power,
        rulebook: Rulebook,
        closing: threading.Event,
        slots: Optional[Slots] = None,
    ) -> None:
        self._state = state
        self._closing = closing
        self._client = Client(Server(identity.server, identity.ca, identity.proxy), identity)
        self._rulebook = rulebook
        self._runner = Runner(
            gateway=self._client,
            identity=identity,
            state=state,
            power=power,
            rulebook=rulebook,
            ending=closing,
        )
        self._upgrader = Upgrader(
            gateway=self._client, slots=slots, state=state, rulebook=rulebook, closing=closing
        )
        self._channel = Channel(self._client, self._fetch, closing)
        self._unknown = False  # said to somebody else than the loop of heart-beats
        self._cold_start = machine.read(os.path.join(state, _BOOT)) != machine.boot_id()
        self._started = time.monotonic()
        self._sent = self._acknowledged = 0
        self._beats = beats()
        self._unheard = False  # the last heart-beat failed

    def run(self) -> bool:
        """Until ``closing`` is set; UnknownInstance when the control plane does not know us.

        Whether it ended by itself, so that another agent may take its place.
        """
        inventory = self._runner.inventory()
        self._runner.recover()
        channel = threading.Thread(target=self._channel.run, name="channel", daemon=True)
        try:
            pause = self._join(inventory)
            if not self._closing.is_set():
                channel.start()
            while not self._closing.wait(pause):
                self._runner.tidy()
                pause = self._beat()
            if self._unknown:
                raise UnknownInstance("the control plane does not know this machine any more")
            return self._upgrader.ends
        finally:
            self._closing.set()
            self._channel.close()
            if channel.ident is not None:
                channel.join(timeout=_CLOSE_WITHIN)
            self._runner.close(at_most=_CLOSE_WITHIN)

    def _join(self, inventory: wire.Inventory) -> float:
        """Beat, say what we have, and ask what is to be done; until it succeeds."""
        for _ in attempts(self._closing):
            try:
                interval = self._say_beat()
                orders = self._client.inventory(inventory)
                for task_id in orders.stop:
                    self._runner.stop(task_id)
                fetch = wire.Fetch(
                    reason="startup", cold_start=self._cold_start, time_zone=machine.time_zone()
                )
                self._take(self._client.fetch(fetch))
            except UnknownInstance:
                raise
            except (wire.Unavailable, wire.Rejected, ValueError, KeyError) as error:
                log.warning(f"not joined yet: {error}")
                continue
            self._keep_boot()
            log.info("online")
            self._upgrader.online()
            return interval
        return 0.0

    def _keep_boot(self) -> None:
        try:
            path = os.path.join(self._state, _BOOT)
            identities.write_whole(path, machine.boot_id().encode(), mode=0o600)
        except OSError as error:
            log.warning(f"boot id not kept: {error}")

    def _beat(self) -> float:
        """Seconds until the next one."""
        try:
            pause = self._say_beat()
        except UnknownInstance:
            raise
        except (wire.Unavailable, wire.Rejected) as error:
            log.warning(f"heart-beat failed: {error}")
            self._unheard = True
            return self._beats.pause()
        self._unheard = False
        self._beats.reset()
        return pause

    def _say_beat(self) -> float:
        """Seconds until the next one."""
        heartbeat = wire.Heartbeat(
            uptime=machine.uptime(),
            timestamp=int(time.time() * 1000),
            pid=os.getpid(),
            process_uptime=int((time.monotonic() - self._started) * 1000),
            index=self._acknowledged,
            seq_no=self._sent,
            cold_start=self._cold_start and self._acknowledged == 0,
            os_version=machine.os_version(),
            machine_id=machine.machine_id(),
            refusals=self._rulebook.refusals(),
            release=cloudhand.__version__,
            package=own_digest(),
            upgradable=self._upgrader.upgradable,
        )
        self._sent += 1
        interval = self._client.beat(heartbeat)
        self._acknowledged += 1
        if not _SHORTEST <= interval <= _LONGEST:
            interval = _SHORTEST + int(os.urandom(1)[0] / 255 * (_LONGEST - _SHORTEST))
        return interval / 1000

    def _take(self, worklist: wire.Worklist) -> None:
        self._runner.take(worklist)
        self._upgrader.take(worklist.upgrade)

    def _fetch(self, fetch: wire.Fetch) -> None:
        """Rejected or Unavailable."""
        try:
            self._take(self._client.fetch(fetch))
            if self._unheard:  # it is not online until it has beaten again
                self._beat()
        except UnknownInstance:
            self._unknown = True
            self._closing.set()
            raise
        except (ValueError, KeyError) as error:
            log.warning(f"cannot understand the worklist: {error}")
