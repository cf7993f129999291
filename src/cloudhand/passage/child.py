"""Run the child in the foreground: signals reach it once, and its end becomes our exit code.

The child stays in our process group, so the terminal treats both as one job: what is typed there
reaches the child by itself, and only what was sent to us alone is passed on. Should we be killed,
the child is told to end: what it was given leads nowhere without us.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

NOT_FOUND = 127
NOT_RUNNABLE = 126
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_TYPED = (signal.SIGINT, signal.SIGQUIT)
# Signals that another thread took are seen no later than this.
_LOOK_EVERY = 0.5  # seconds
_PR_SET_PDEATHSIG = 1


Child = subprocess.Popen[bytes]


def run(
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    started: Callable[[Child], object] | None = None,
) -> int:
    """Run to the end; 128 + n after signal n, 126 and 127 as shells use them.

    Passes signals on when called in the main thread. Elsewhere that is the caller's part, who
    gets the child through ``started``.
    """
    if threading.current_thread() is not threading.main_thread():
        child = _start(command, env, started)
        return child if isinstance(child, int) else _code(child.wait())
    with _listening() as ears:
        child = _start(command, env, started)
        return child if isinstance(child, int) else _code(_attend(child, ears))


def _start(
    command: Sequence[str],
    env: Mapping[str, str],
    started: Callable[[Child], object] | None,
) -> Child | int:
    try:
        child = subprocess.Popen(list(command), env=dict(env), preexec_fn=_tie(os.getpid()))
    except OSError as error:
        code, sentence = _cannot(command[0], error, env.get("PATH"))
        sys.stderr.write(f"cloudhand: {sentence}\n")
        return code
    if started is not None:
        started(child)
    return child


def _tie(parent: int) -> Callable[[], None]:
    """For the child to call first. It only makes system calls: other threads may hold locks."""
    prctl = ctypes.CDLL(None).prctl
    arguments = (_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)

    def tie() -> None:
        prctl(*arguments)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)  # it died before we were tied to it

    return tie


def _cannot(name: str, error: OSError, path: str | None) -> tuple[int, str]:
    if isinstance(error, FileNotFoundError):
        if shutil.which(name, path=path):
            return NOT_FOUND, f"{name} needs an interpreter that is not there: see its first line."
        return NOT_FOUND, f"{name} was not found: check its spelling, and PATH."
    if isinstance(error, PermissionError):
        return NOT_RUNNABLE, f"{name} may not be run: make it executable, or name a program."
    return NOT_RUNNABLE, f"{name} cannot be run ({error.strerror}): does it begin with #!?"


def _code(status: int) -> int:
    return 128 - status if status < 0 else status


@dataclass(frozen=True, kw_only=True)
class _Ears:
    heard: list[signal.Signals]  # what handlers collected and nobody has looked at yet
    open_for: frozenset[signal.Signals]  # what is not ignored


@contextmanager
def _listening() -> Iterator[_Ears]:
    """Collect signals instead of dying of them; what is ignored stays so, for the child as well."""
    heard: list[signal.Signals] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(signal.Signals(number))

    old = {number: signal.getsignal(number) for number in _PASSED_ON}
    ours = [number for number, handler in old.items() if handler not in (signal.SIG_IGN, None)]
    children = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in ours:
        signal.signal(number, hear)
    try:
        yield _Ears(heard=heard, open_for=frozenset(ours))
    finally:
        for number in ours:
            signal.signal(number, old[number])
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if children is None else children)


def _attend(child: Child, ears: _Ears) -> int:
    """Wait for the end, passing signals on.

    Here they are taken one by one, with what the kernel says of their origin; those that came
    before, or to another thread, were collected by the handlers.
    """
    waited = {signal.SIGCHLD, *ears.open_for}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        while (status := child.poll()) is None:
            while ears.heard:
                number = ears.heard.pop(0)
                if not (number in _TYPED and _in_foreground()):
                    child.send_signal(number)
            came = signal.sigtimedwait(waited, _LOOK_EVERY)
            # What the kernel itself sends comes from the terminal, and went to the child, too.
            if came and came.si_signo != signal.SIGCHLD and came.si_code <= 0:
                child.send_signal(came.si_signo)
        return status
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_foreground() -> bool:
    """Whether what is typed at the terminal reaches our process group."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)
