"""The agent's side of its holders: fork one, give it a script, keep it for the next."""

from __future__ import annotations

import os
import socket
import threading
from typing import List

from cloudhand.agent import holder, machine
from cloudhand.agent.holder import Script


class Holder:
    """One holder process that is ours."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.start = machine.start_time(pid)
        self.channel = channel  # readable when its script has ended

    def give(self, script: Script) -> None:
        """OSError when it is gone, and the script will not be run by it."""
        self.channel.send(script.to_bytes())

    def free(self) -> bool:
        """Once the channel is readable: whether it may have the next script."""
        try:
            return self.channel.recv(64) == holder.ENDED
        except OSError:
            return False

    def let_go(self) -> None:
        """It ends when its script does. Take its status if it has ended."""
        self.channel.close()
        bury(self.pid)


class Holders:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: List[Holder] = []
        self._leaving: List[int] = []

    def take(self) -> Holder:
        """One without a script, which may have gone meanwhile; OSError."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            self._bury_left()
            return _fork()

    def give_back(self, taken: Holder) -> None:
        """After its script has ended; a holder that something of the script keeps is let go."""
        with self._lock:
            if taken.free():
                self._idle.append(taken)
                return
            taken.let_go()
            self._leaving.append(taken.pid)

    def prune(self) -> None:
        """Forget those that went because nothing was to be done."""
        with self._lock:
            gone = [one for one in self._idle if _gone(one)]
            self._idle = [one for one in self._idle if one not in gone]
            for one in gone:
                one.let_go()
            self._bury_left()

    def close(self) -> None:
        with self._lock:
            for one in self._idle:
                one.channel.close()
                os.waitpid(one.pid, 0)
            self._idle = []

    def _bury_left(self) -> None:
        self._leaving = [pid for pid in self._leaving if not bury(pid)]


def bury(pid: int) -> bool:
    """Take the status of a holder; True when it is none of ours any more."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _gone(one: Holder) -> bool:
    return machine.start_time(one.pid) != one.start


def _fork() -> Holder:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            holder.main(theirs)
            code = 0
        finally:
            os._exit(code)
    theirs.close()
    return Holder(pid, ours)
