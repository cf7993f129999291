"""Where an installed agent lies: two packages, a and b, of which a file names the current one.

Who starts the agent starts the current one. What is new is put into the other slot, and becomes the
current one only once it has been online: so at any moment that which is named has worked.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Optional

import cloudhand
from cloudhand.agent import machine
from cloudhand.agent.identity import write_whole
from cloudhand.wire import release
from cloudhand.wire.release import Manifest
from cloudhand.wire.signature import sha256

_CURRENT, _KEY = "current", "release-key"  # files
_OTHER = {"a": "b", "b": "a"}


class Slots:
    def __init__(self, folder: str) -> None:
        """ValueError when the agent that runs is in neither of them."""
        self._folder = os.path.realpath(folder)
        own = os.path.basename(own_package())
        if os.path.dirname(own_package()) != self._folder or own[:1] not in _OTHER:
            raise ValueError(
                f"cannot use --slots {folder}: this agent is neither of {self.package('a')} and"
                f" {self.package('b')}"
            )
        self.own = own[:1]

    @property
    def current(self) -> str:
        """The slot of whom is started next."""
        return machine.read(os.path.join(self._folder, _CURRENT))

    @property
    def other(self) -> str:
        """That which this agent does not run from."""
        return _OTHER[self.own]

    def package(self, slot: str) -> str:
        """Its path."""
        return os.path.join(self._folder, f"{slot}.pyz")

    def key(self) -> int:
        """Of releases, as it was given when the agent was installed; OSError, ValueError."""
        with open(os.path.join(self._folder, _KEY), encoding="ascii") as file:
            return release.read_key(file.read())

    def manifest(self) -> Optional[Manifest]:
        """Of the release that runs; None where nobody knows."""
        try:
            return Manifest.from_text(machine.read(self._manifest(self.own)))
        except ValueError:
            return None

    def put(self, package: bytes, manifest: str) -> None:
        """Into the other slot, which nobody runs from; OSError, and then nothing is left there."""
        try:
            write_whole(self.package(self.other), package, mode=0o755)
            write_whole(self._manifest(self.other), manifest.encode(), mode=0o644)
        except OSError:
            self.clear()
            raise

    def clear(self) -> None:
        """The other slot."""
        for path in (self.package(self.other), self._manifest(self.other)):
            for name in (path, f"{path}.part"):
                try:
                    os.unlink(name)
                except OSError:
                    pass  # it is not there, or cannot be taken away

    def switch(self) -> None:
        """Be the current one from now on; OSError."""
        write_whole(os.path.join(self._folder, _CURRENT), self.own.encode(), mode=0o644)

    def _manifest(self, slot: str) -> str:
        return os.path.join(self._folder, f"{slot}.json")


def own_package() -> str:
    """The path of the file that holds this code; empty where it lies in none."""
    path = os.path.realpath(os.path.dirname(os.path.dirname(cloudhand.__file__)))
    return path if os.path.isfile(path) else ""


@cache  # of the file that this process was started from, whatever is put in its place
def own_digest() -> str:
    """SHA-256 of that file; empty where there is none."""
    path = own_package()
    if not path:
        return ""
    with open(path, "rb") as file:
        return str(sha256(file.read()).hexdigest())
