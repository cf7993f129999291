"""An event loop that knows when nothing is left to do until time passes or a message comes."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, cast


class _Selector(selectors.DefaultSelector):
    """It is asked to wait exactly when no task of its loop can go on."""

    on_wait: Callable[[], bool]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            # What has come over a socket is there at once, and is to be heard first.
            if ready := super().select(0):
                return ready
            if self.on_wait():
                return []
        return super().select(timeout)


class StillLoop(asyncio.SelectorEventLoop):
    """``await still()`` ends once no task can go on and no thread is at work for one.

    What a real timer, another process or another machine will bring is not waited for.
    """

    def __init__(self) -> None:
        selector = _Selector()
        selector.on_wait = self._woken
        super().__init__(selector)
        self._at_work: set[object] = set()  # what threads do for it
        self._waiting: list[tuple[Callable[[], object], asyncio.Future[None]]] = []

    async def still(self, *, unless: Callable[[], object] = lambda: False) -> None:
        """``unless``: something that it cannot see goes on."""
        future = self.create_future()
        self._waiting.append((unless, future))
        await future

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a thread does something of which the loop will hear."""
        one = object()
        self._at_work.add(one)
        try:
            yield
        finally:
            self._at_work.discard(one)

    # The type of the base says less than it does: any callable, and what it returns.
    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._at_work.add(future)
        future.add_done_callback(self._at_work.discard)
        return future

    def _woken(self) -> bool:
        """Whether somebody has waited for this; he is next."""
        if self._at_work:
            return False
        ready = [one for one in self._waiting if one[1].done() or not one[0]()]
        for one in ready:
            self._waiting.remove(one)
            if not one[1].done():
                one[1].set_result(None)
        return bool(ready)


def still_loop() -> StillLoop:
    """The running one."""
    return cast(StillLoop, asyncio.get_running_loop())
