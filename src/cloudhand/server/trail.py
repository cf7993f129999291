"""Who did what, as files of lines beside the store: one for each day, which others may read on."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path

from cloudhand.control.control import Control
from cloudhand.control.pokes import Loop
from cloudhand.reconcilers.reconciler import keep_looking
from cloudhand.store.database import StoreError
from cloudhand.wire import audit
from cloudhand.wire.audit import Link

log = logging.getLogger(__name__)

FOLDER = "audit"
_AT_ONCE = 1000  # records
_END = 4 * 1024 * 1024  # bytes; a call to 10,000 machines is a line of 350,000
_GATHERED = timedelta(milliseconds=200)  # how long, that each call costs no commit of its own


class Trail:
    def __init__(self, folder: Path, kept: timedelta) -> None:
        """``kept``: how long a day's file is."""
        self._folder = folder
        self._kept = kept

    def last(self) -> int:
        """The number of the last record that is written; 0: none is. OSError.

        A line that was being written when all ended is taken off; what else is no record stays.
        """
        for path in reversed(self._files()):
            lines = _end(path).split(b"\n")
            if lines[-1]:
                os.truncate(path, path.stat().st_size - len(lines[-1]))
            for line in reversed(lines[:-1]):
                with suppress(audit.Broken):
                    return audit.read(line.decode(errors="replace")).number
        return 0

    def write(self, links: list[Link]) -> None:
        """Add these; OSError, and then maybe some of them.

        Each goes to the file of its day, or of a later one that was begun: a call that lasted over
        midnight is not put before what follows it.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        day = max((path.stem for path in self._files()), default="")
        for its_day, some in groupby(links, key=lambda link: link.record["at"][:10]):
            if its_day > day:
                day = its_day
                self._forget(date.fromisoformat(day))
            path = self._folder / f"{day}.jsonl"
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{link.line}\n" for link in some)

    def _forget(self, today: date) -> None:
        """Remove the files of days that are too long ago."""
        for path in self._files():
            if date.fromisoformat(path.stem) < today - self._kept:
                path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("????-??-??.jsonl"))


def _end(path: Path) -> bytes:
    """Of a file, with its last lines whole."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _END, 0))
        return file.read()


async def keep_trail(control: Control, folder: Path) -> None:
    """Run for ever."""
    trail = Trail(folder, control.settings.audit_kept)
    failing = False
    last: int | None = None  # None: to be read off the files

    async def write() -> None:
        nonlocal last
        number = await asyncio.to_thread(trail.last) if last is None else last
        last = None
        while links := await control.audit.after(number, limit=_AT_ONCE):
            await asyncio.to_thread(trail.write, links)
            number = links[-1].number
        last = number

    async def look() -> datetime | None:
        nonlocal failing
        await control.clock.sleep_until(control.clock.now() + _GATHERED)
        try:
            await control.audit.flush()
            await write()
            failing = False
        except (StoreError, OSError) as error:  # most likely a full disk
            if not failing:  # each call has us look
                log.error("trail not written", extra={"folder": str(folder), "error": str(error)})
            failing = True
        return None

    await keep_looking(Loop.AUDIT, look, pokes=control.pokes, clock=control.clock)
