"""SQLite: one writer thread that commits many pieces of work at once, and readers beside it.

Each piece of work runs to its end on the writer thread under a savepoint of its own; then one
commit makes all of them durable, and only then is anybody told.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

from cloudhand import faults
from cloudhand.store.database import Row, StoreError
from cloudhand.store.envelope import Envelope
from cloudhand.store.transaction import Transaction

Answer = TypeVar("Answer")
Work = Callable[[Transaction], Awaitable[Any]]

_AT_ONCE = 200  # pieces of work in one commit; bounds how long the first one waits
_READERS = 2


class _Statements:
    """store.database.Statements over one connection, which never suspends."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany

    async def fetch(self, sql: str, *values: object) -> list[Row]:
        return self._execute(sql, values).fetchall()

    async def change(self, sql: str, *values: object) -> int:
        return self._execute(sql, values).rowcount

    async def change_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        self._executemany(sql, cast(Any, rows))


class _Job:
    """A piece of work on its way to the writer thread and back."""

    __slots__ = ("era", "future", "loop", "outcome", "turns", "work")

    def __init__(
        self, work: Work, loop: asyncio.AbstractEventLoop, *, era: int, turns: bool = False
    ) -> None:
        """``turns``: the era is over with it."""
        self.work = work
        self.loop = loop
        self.era = era
        self.turns = turns
        self.future: asyncio.Future[Any] = loop.create_future()
        self.outcome: tuple[Any, BaseException | None] = (None, None)

    def tell(self) -> None:
        if self.future.done():  # whoever waited was cancelled; the work is done all the same
            return
        answer, error = self.outcome
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(answer)


class SqliteDatabase:
    """store.database.Database in one file. ``durable=False`` is for tests: no fsync."""

    def __init__(self, path: Path, envelope: Envelope, *, durable: bool = True) -> None:
        self._path = path
        self._envelope = envelope
        self._synchronous = "FULL" if durable else "OFF"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._era = 0  # of what is asked for now
        self._written_from = 0  # the era whose writes are still, or again, made
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        writer = self._first()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-reader")
        self._writer = threading.Thread(
            target=self._write_for_ever, args=(writer,), name="store-writer"
        )
        self._writer.start()

    async def write(self, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
        job = _Job(work, asyncio.get_running_loop(), era=self._era)
        self._jobs.put(job)
        return cast(Answer, await job.future)

    @asynccontextmanager
    async def turned(self, work: Callable[[Transaction], Awaitable[None]]) -> AsyncIterator[None]:
        job = _Job(work, asyncio.get_running_loop(), era=self._era, turns=True)
        self._jobs.put(job)
        await job.future
        try:
            yield
        finally:
            self._era += 1

    async def read(self, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
        loop = asyncio.get_running_loop()
        return cast(Answer, await loop.run_in_executor(self._readers, self._read, work))

    async def close(self) -> None:
        self._jobs.put(None)
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        self._writer.join()
        self._readers.shutdown()
        self._close_connections()

    def _close_connections(self) -> None:
        for connection in self._connections:
            connection.close()

    def _first(self) -> sqlite3.Connection:
        """A connection to a file that is known to be ours; StoreError."""
        try:
            connection = self._connect()
            migrate(connection)
        except sqlite3.Error as error:
            self._close_connections()
            raise StoreError(f"cannot use {self._path}: {error}; {_remedy(error)}") from error
        except StoreError as error:
            self._close_connections()
            raise StoreError(f"cannot use {self._path}: {error}") from error
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connections.append(connection)
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _read(self, work: Work) -> Any:
        try:
            return self._read_on_a_snapshot(work)
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the store: {error}") from error

    def _read_on_a_snapshot(self, work: Work) -> Any:
        if not hasattr(self._local, "reader"):
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            self._local.reader = connection, Transaction(_Statements(connection), self._envelope)
        connection, transaction = self._local.reader
        connection.execute("BEGIN")
        try:
            return _run(work, transaction)
        finally:
            connection.execute("ROLLBACK")

    def _write_for_ever(self, connection: sqlite3.Connection) -> None:
        transaction = Transaction(_Statements(connection), self._envelope)
        while True:
            jobs, ended = self._next_jobs()
            late = [job for job in jobs if job.era < self._written_from]
            for job in late:
                job.outcome = (None, StoreError("not written: it is from before the clock was set"))
            if timely := [job for job in jobs if job.era >= self._written_from]:
                try:
                    _commit_together(connection, transaction, timely)
                except sqlite3.Error:
                    # One of them may have filled the disk; the others deserve their chance.
                    for job in timely:
                        _commit_alone(connection, transaction, job)
                if timely[-1].turns and timely[-1].outcome[1] is None:
                    self._written_from = timely[-1].era + 1
            _tell(jobs)
            if ended:
                return

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _AT_ONCE or job.turns:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True


class MemoryDatabase:
    """store.database.Database in memory, on the thread of its caller: for what is soon over."""

    def __init__(self, envelope: Envelope) -> None:
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connection.execute("PRAGMA foreign_keys = ON")
        migrate(self._connection)
        self._transaction = Transaction(_Statements(self._connection), envelope)

    async def write(self, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
        self._connection.execute("BEGIN")
        try:
            answer = _run(work, self._transaction)
            self._connection.execute("COMMIT")
        except BaseException:
            _roll_back(self._connection)
            raise
        return cast(Answer, answer)

    @asynccontextmanager
    async def turned(self, work: Callable[[Transaction], Awaitable[None]]) -> AsyncIterator[None]:
        await self.write(work)  # whoever else asks is not waited for
        yield

    async def read(self, work: Callable[[Transaction], Awaitable[Answer]]) -> Answer:
        return cast(Answer, _run(work, self._transaction))

    async def close(self) -> None:
        self._connection.close()


def _run(work: Work, transaction: Transaction) -> Any:
    """Drive a coroutine that never suspends to its end, on this thread."""
    steps = cast(Coroutine[Any, Any, Any], work(transaction))
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    steps.close()
    raise RuntimeError("a piece of work awaited something that is not the transaction")


def _attempt(connection: sqlite3.Connection, transaction: Transaction, job: _Job) -> None:
    """Do one piece of work; what it refuses is undone and kept as its outcome."""
    connection.execute("SAVEPOINT work")
    try:
        job.outcome = (_run(job.work, transaction), None)
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        if not isinstance(error, sqlite3.IntegrityError):
            raise
        connection.execute("ROLLBACK TO work")
        job.outcome = (None, error)
    except Exception as error:  # an outermost loop: whoever asked for the work gets its error
        connection.execute("ROLLBACK TO work")
        job.outcome = (None, error)
    connection.execute("RELEASE work")


def _commit_together(
    connection: sqlite3.Connection, transaction: Transaction, jobs: list[_Job]
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for job in jobs:
            _attempt(connection, transaction, job)
        faults.point("store.commit")
        connection.execute("COMMIT")
    except sqlite3.Error:
        _roll_back(connection)
        raise


def _commit_alone(connection: sqlite3.Connection, transaction: Transaction, job: _Job) -> None:
    try:
        _commit_together(connection, transaction, [job])
    except sqlite3.Error as error:
        job.outcome = (None, StoreError(f"cannot write to the store: {error}"))


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some errors, and says so by refusing.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _tell(jobs: list[_Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, told in by_loop.items():
        try:
            loop.call_soon_threadsafe(_tell_here, told)
        except RuntimeError:  # the loop was closed meanwhile; nobody waits any more
            continue


def _tell_here(jobs: list[_Job]) -> None:
    for job in jobs:
        job.tell()


def _remedy(error: sqlite3.Error) -> str:
    damaged = error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    return "put a copy back" if damaged else "make room on its disk"


def snapshot(path: Path, target: Path) -> None:
    """A whole copy, in a new file, of a store that may be in use; StoreError."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy {path}: {error}") from error


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date; StoreError when it is newer than this release."""
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    scripts = sorted(
        (entry.name, entry.read_text())
        for entry in resources.files("cloudhand.store.schema").iterdir()
        if entry.name.endswith(".sql")
    )
    if done > len(scripts):
        raise StoreError(f"its schema {done} is newer than this release; use a later one")
    for number, (_, script) in enumerate(scripts, start=1):
        if number > done:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
