"""Upgrade the agent itself, as the control plane orders: refuse it, or have the package tried."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Callable, Optional, Protocol, Set

from cloudhand import faults
from cloudhand.agent import log, rules, trial
from cloudhand.agent.backoff import Backoff
from cloudhand.agent.rulebook import Rulebook
from cloudhand.agent.slots import Slots, own_digest
from cloudhand.agent.trial import Note
from cloudhand.wire import agent as wire
from cloudhand.wire import release
from cloudhand.wire.release import Manifest, Order, Outcome, WrongRelease
from cloudhand.wire.signature import sha256

_FETCH_WITHIN = 60.0  # seconds
_STARTS_WITHIN = 20.0  # seconds, to say its version
_RETRY_FIRST, _RETRY_LAST = 0.2, 15.0  # seconds
_NO_SLOTS = (
    "it was not installed by the line of `cloudhand invite`, so there is no second slot for another"
    " package, and nobody who starts it again"
)


class Gateway(Protocol):
    def package(self) -> bytes:
        """Of the release that is offered; Rejected or Unavailable."""

    def upgraded(self, outcome: Outcome) -> None:
        """Rejected or Unavailable."""


class Upgrader:
    """Of one life of the agent."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        slots: Optional[Slots],
        state: str,
        rulebook: Rulebook,
        closing: threading.Event,
    ) -> None:
        self.ends = False  # whether this agent ended itself, to be started again
        self.upgradable = slots is not None
        self._gateway = gateway
        self._slots = slots
        self._state = state
        self._rulebook = rulebook
        self._closing = closing
        self._busy = threading.Lock()
        self._seen: Set[str] = set()  # ids of upgrades; one that was told may still be on its way
        note = trial.load(state) if slots is not None else None
        self._on_trial = note is not None and note.is_mine

    def online(self) -> None:
        """It has joined: that is what a trial was about."""
        if self._on_trial and self._slots is not None:
            faults.point("agent.trial-online")
            self._slots.switch()
            faults.point("agent.trial-switched")
            self._end("online: this agent is the current one from now on, and starts anew")
            return
        note = trial.load(self._state)
        if note is not None and note.ended:
            self._beside(self._tell_noted, note, note.id)

    def take(self, order: Optional[Order]) -> None:
        """What is tried, or was and is about to be told, is not begun again."""
        if order is None or self._on_trial:
            return
        note = trial.load(self._state)
        if order.id not in self._seen and (note is None or note.id != order.id):
            self._beside(self._carry_out, order, order.id)

    def _beside(self, work: "Callable[..., None]", what: object, upgrade_id: str) -> None:
        """In a thread of its own, one at a time; what is busy is offered again."""
        if not self._busy.acquire(blocking=False):
            return
        self._seen.add(upgrade_id)

        def run() -> None:
            try:
                work(what)
            finally:
                self._busy.release()

        try:
            threading.Thread(target=run, name="upgrade", daemon=True).start()
        except RuntimeError as error:  # as many run as the machine allows
            self._seen.discard(upgrade_id)
            self._busy.release()
            log.error(f"upgrade: has to wait: {error}")

    def _carry_out(self, order: Order) -> None:
        try:
            self._prepare(order)
        except WrongRelease as error:
            log.warning(f"upgrade refused: {error}")
            self._tell(Outcome(order.id, release.REFUSED, str(error)))
        except OSError as error:
            self._tell(Outcome(order.id, release.REFUSED, f"it cannot be kept: {error}"))

    def _prepare(self, order: Order) -> None:
        """Have it tried when the agent starts next, which it does; WrongRelease, OSError."""
        if self._slots is None:
            raise WrongRelease(_NO_SLOTS)
        why = self._rulebook.refusal(rules.UPGRADES)
        if why:
            raise WrongRelease(why)
        manifest = checked(order, self._slots)
        if manifest.digest == own_digest():
            self._tell(Outcome(order.id, release.UPGRADED, "it ran that already"))
            return
        package = self._fetched()
        if len(package) != manifest.size or sha256(package).hexdigest() != manifest.digest:
            raise WrongRelease("the package is not the one that was signed")
        faults.point("agent.upgrade-fetched")
        self._slots.put(package, order.manifest)
        faults.point("agent.upgrade-placed")
        _check_start(self._slots.package(self._slots.other))
        if self._closing.is_set():
            return
        trial.save(self._state, Note(id=order.id, slot=self._slots.other))
        faults.point("agent.upgrade-noted")
        self._end(f"upgrade: to {manifest.called()}, and starts anew for it")

    def _fetched(self) -> bytes:
        """WrongRelease when there is no way to it for too long."""
        deadline = time.monotonic() + _FETCH_WITHIN
        backoff = Backoff(_RETRY_FIRST, _RETRY_LAST)
        while True:
            try:
                return self._gateway.package()
            except wire.Rejected as error:
                raise WrongRelease(f"the package is not given out: {error}") from None
            except wire.Unavailable as error:
                if self._closing.is_set() or time.monotonic() > deadline:
                    raise WrongRelease(f"the package cannot be fetched: {error}") from None
            self._closing.wait(backoff.pause())

    def _tell_noted(self, note: Note) -> None:
        good = note.stage == trial.UPGRADED
        outcome = Outcome(note.id, release.UPGRADED if good else release.ROLLED_BACK, note.reason)
        if self._tell(outcome):
            trial.forget(self._state)

    def _tell(self, outcome: Outcome) -> bool:
        """Until it is heard; False when the agent ended before."""
        backoff = Backoff(_RETRY_FIRST, _RETRY_LAST)
        while not self._closing.is_set():
            try:
                self._gateway.upgraded(outcome)
            except wire.Rejected as error:
                log.warning(f"upgrade: its outcome is refused: {error}")
            except wire.Unavailable as error:
                log.info(f"upgrade: not told yet: {error}")
                self._closing.wait(backoff.pause())
                continue
            return True
        return False

    def _end(self, why: str) -> None:
        log.info(why)
        self.ends = True
        self._closing.set()


def checked(order: Order, slots: Slots) -> Manifest:
    """What is signed, if it is for this agent; WrongRelease."""
    try:
        key = slots.key()
    except (OSError, ValueError) as error:
        raise WrongRelease(f"the release key here cannot be used: {error}") from None
    if not release.is_signed(order.manifest, order.signature, key):
        raise WrongRelease("it is not signed by the release key that this machine was given")
    try:
        manifest = Manifest.from_text(order.manifest)
    except ValueError as error:
        raise WrongRelease(f"its manifest cannot be understood: {error}") from None
    present = slots.manifest()
    if present is not None and manifest.signed_at < present.signed_at:
        raise WrongRelease("it is older than the release that runs here")
    if sys.version_info < tuple(int(part) for part in manifest.python.split(".")):
        raise WrongRelease(f"it needs Python {manifest.python}")
    return manifest


def _check_start(package: str) -> None:
    """WrongRelease unless it can say its version, before anything is risked for it."""
    import subprocess  # only an upgrade is worth its memory

    try:
        done = subprocess.run(
            [sys.executable, package, "version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_STARTS_WITHIN,
            check=False,
            cwd=os.sep,
        )
    except subprocess.TimeoutExpired:
        raise WrongRelease("it does not start on this machine: it hangs") from None
    if done.returncode:
        words = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise WrongRelease(f"it does not start on this machine: {' '.join(words)[:300]}")
