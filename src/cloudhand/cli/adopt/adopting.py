"""Adopt machines, so many at a time: one ssh for each, to the end of its installer.

Which machine one is, and whether it is online, is asked anew each time: of the machine, and of the
control plane. Nothing is kept here, so whatever ended early is begun again.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from cloudhand.cli.adopt import reasons, ssh
from cloudhand.cli.adopt.hosts import Host
from cloudhand.cli.adopt.invitation import Invitation
from cloudhand.cli.adopt.outcome import Outcome, State
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError, ClientError

# Of one machine: another installer is waited for 120 s, and the agent for 60 s.
_BOUND = 300.0  # seconds
_GRACE = 5.0  # seconds for ssh to end
_KEPT = 1000  # lines of what one machine says


class Show(Protocol):
    """What is told meanwhile."""

    def at(self, host: Host, step: str) -> None:
        """What is done with it at present; called for each step."""

    def done(self, outcome: Outcome) -> None:
        """The last that is told of it."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How to adopt."""

    at_a_time: int
    proxy: str = ""  # by which the machines reach the control plane
    config: Path | None = None  # of ssh


class Adoption:
    def __init__(self, client: Client, invitation: Invitation, wish: Wish, show: Show) -> None:
        self._client = client
        self._invitation = invitation
        self._wish = wish
        self._show = show
        self._turn = asyncio.Semaphore(wish.at_a_time)
        self._asking = asyncio.Lock()  # the client is not for several threads
        self._whose: dict[str, Host] = {}  # ids that machines have said
        self._outcomes: dict[str, Outcome] = {}  # by name

    def outcomes(self, hosts: Sequence[Host]) -> list[Outcome]:
        """Of all of them, also of those that were not begun."""
        untouched = [Outcome(host=host, state=State.UNTOUCHED) for host in hosts]
        return [self._outcomes.get(one.host.name, one) for one in untouched]

    async def carry_out(self, hosts: Sequence[Host]) -> None:
        """ClientError if the control plane does not go along; others may have been adopted."""
        try:
            async with asyncio.TaskGroup() as group:
                for host in hosts:
                    group.create_task(self._adopt(host))
        except* ClientError as errors:
            raise next(iter(errors.exceptions)) from None
        finally:
            await asyncio.to_thread(self._invitation.close)

    async def _adopt(self, host: Host) -> None:
        if host.obstacle:
            self._end(Outcome(host=host, state=State.FAILED, told=host.obstacle))
            return
        async with self._turn:
            talk = _Talk(host, self._wish.config)
            try:
                async with asyncio.timeout(_BOUND), talk:
                    outcome = await self._visit(talk)
            except TimeoutError:
                told = reasons.of_silence(talk.said, _BOUND)
                outcome = Outcome(host=host, state=State.FAILED, told=told)
            except BaseException:
                # Interrupted, or ended since the control plane did not go along with another.
                went = "the installer may go on" if talk.installs else "nothing was begun"
                self._end(Outcome(host=host, state=State.INTERRUPTED, told=f"{went} there"))
                raise
            self._end(outcome)

    def _end(self, outcome: Outcome) -> None:
        self._outcomes[outcome.host.name] = outcome
        self._show.done(outcome)

    async def _visit(self, talk: _Talk) -> Outcome:
        host = talk.host
        self._show.at(host, "connects")
        known = await talk.asked()
        if known is None:
            told = reasons.of_connection(host, talk.said, await talk.errors())
            return Outcome(host=host, state=State.FAILED, told=told)
        there = await self._described(known) if known else None
        if there is not None:
            also = self._also(host, known)
            try:
                await self._label(host, known, there)
            except ApiError as error:
                told = f"its tags cannot be put: {error}"
                return Outcome(host=host, state=State.FAILED, instance_id=known, told=told)
            if there["Connected"]:
                return Outcome(host=host, state=State.ALREADY, instance_id=known, told=also)
        script = await self._ask(self._invitation.script)
        text = ssh.install(script, host, host.labels, self._wish.proxy)
        async for line in talk.install(text):
            self._show.at(host, line)
        return await self._installed(talk, known)

    async def _installed(self, talk: _Talk, known: str) -> Outcome:
        host, found = talk.host, ssh.online(talk.said)
        if found:
            agent = ssh.published(talk.said)
            given = f"it has {agent}, which cannot give all that ours does" if agent else ""
            also = "; ".join(one for one in (self._also(host, found), given) if one)
            return Outcome(host=host, state=State.ONLINE, instance_id=found, told=also)
        if ssh.ended(talk.said):
            told = reasons.of_installer(talk.said)
        else:
            told = reasons.of_break(talk.said, await talk.errors())
        return Outcome(
            host=host, state=State.FAILED, instance_id=known or ssh.registered(talk.said), told=told
        )

    def _also(self, host: Host, instance_id: str) -> str:
        """That another name is one of the same machine."""
        other = self._whose.setdefault(instance_id, host)
        return "" if other.name == host.name else f"it is {other.name}, too"

    async def _described(self, instance_id: str) -> dict[str, Any] | None:
        wanted = {"InstanceId": [instance_id]}
        answer = await self._ask(lambda: self._client.call("DescribeManagedInstances", wanted))
        return next(iter(answer["Instances"]), None)

    async def _label(self, host: Host, instance_id: str, there: dict[str, Any]) -> None:
        """What it has joined without, as by a line that was pasted, or has come into since."""
        has = {tag["TagKey"]: tag["TagValue"] for tag in there["Tags"]}
        lacks = [{"Key": k, "Value": v} for k, v in host.labels.items() if has.get(k) != v]
        if lacks:
            what = {"ResourceType": "managedinstance", "ResourceId": [instance_id], "Tag": lacks}
            await self._ask(lambda: self._client.call("TagResources", what))

    async def _ask(self, question: Callable[[], Any]) -> Any:
        async with self._asking:
            asked = asyncio.ensure_future(asyncio.to_thread(question))
            try:
                return await asyncio.shield(asked)
            except asyncio.CancelledError:
                # A thread cannot be called back, and has the client for as long as it goes on.
                with suppress(ClientError):
                    await asked
                raise


class _Talk:
    """One ssh, with a shell at its other end. Use it in an async with statement."""

    def __init__(self, host: Host, config: Path | None) -> None:
        self.host = host
        self.said: list[str] = []
        self.installs = False  # what it was told cannot be taken back
        self._config = config
        self._process: Process
        self._errors: asyncio.Task[list[str]]

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *ssh.command(self.host, self._config),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C is ours to hear; and no terminal, so no question
        )
        assert self._process.stderr is not None
        self._errors = asyncio.create_task(_lines(self._process.stderr))
        return self

    async def __aexit__(self, wrong: object, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # which ends the shell over there
        if wrong is not None:
            self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        finally:
            self._errors.cancel()
            await asyncio.wait([self._errors])

    def _signal(self, number: signal.Signals) -> None:
        """Not by what asyncio has for it, which takes the end away from whoever waits for it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def asked(self) -> str | None:
        """The id that the machine has; empty: none. None: no shell of root's came."""
        await self._say(ssh.ASK)
        async for line in self._listen():
            if (found := ssh.joined(line)) is not None:
                return found
        return None

    async def install(self, text: str) -> AsyncIterator[str]:
        """What it says, line by line, to its end."""
        self.installs = True
        await self._say(text)
        async for line in self._listen():
            yield line

    async def errors(self) -> list[str]:
        """All that ssh has said of itself, once it has ended."""
        return await self._errors

    async def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        # Who does not listen any more has said why.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(text.encode())
            await self._process.stdin.drain()

    async def _listen(self) -> AsyncIterator[str]:
        assert self._process.stdout is not None
        while line := await _line(self._process.stdout):
            text = line.decode("utf-8", "replace").strip()
            if len(self.said) < _KEPT:
                self.said.append(text)
            yield text


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next one, with its end; a part of one that is longer than anybody reads."""
    try:
        return await stream.readline()
    except ValueError:
        return b"\n"


async def _lines(stream: asyncio.StreamReader) -> list[str]:
    found: list[str] = []
    while line := await _line(stream):
        found = [*found[-_KEPT:], line.decode("utf-8", "replace")]
    return found
