"""Instances on this machine, through the supervisor that holds them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

from cloudhand.control.provider import Boot, Observed, Power, ProviderError
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.providers.sandbox.plan import Mode

_START_BOUND = 15.0  # seconds for a supervisor to listen
_STEP = 0.005
_END_BOUND = 20.0  # seconds for all instances to end


class SandboxProvider:
    """control.provider.Provider.

    With ``tether`` the supervisor ends its instances, and removes the directory above its own,
    when this process ends in whatever way.
    """

    name = "sandbox"

    def __init__(self, state: Path, *, mode: Mode, agent: Path, tether: bool) -> None:
        self._state = state
        self._mode = mode
        self._agent = agent
        self._tethered = tether
        self._tether = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._changed: asyncio.Queue[InstanceId] = asyncio.Queue()
        self._told_of: set[InstanceId] = set()

    async def create(self, boot: Boot) -> None:
        told = {
            "server": boot.server_url,
            "ca": boot.ca,
            "activationId": boot.activation_id,
            "activationCode": boot.activation_code,
            "instanceId": boot.instance_id,
            "regionId": boot.region_id,
            "name": boot.hostname,
        }
        data = base64.b64encode(boot.user_data).decode()
        await self._ask("create", boot=told, userData=data)

    async def start(self, instance_id: InstanceId) -> None:
        await self._ask("start", instance=instance_id)

    async def stop(self, instance_id: InstanceId, *, force: bool) -> None:
        await self._ask("stop", instance=instance_id, force=force)

    async def reboot(
        self, instance_id: InstanceId, *, force: bool, from_boot_id: BootId | None
    ) -> None:
        await self._ask("reboot", instance=instance_id, force=force, fromBootId=from_boot_id)

    async def release(self, instance_id: InstanceId) -> None:
        await self._ask("release", instance=instance_id)
        self._told_of.discard(instance_id)

    async def observe(self, instance_id: InstanceId) -> Observed:
        answer = await self._ask("observe", instance=instance_id)
        self._told_of.add(instance_id)
        return Observed(power=Power(answer["power"]), boot_id=answer.get("bootId"))

    async def changes(self) -> AsyncIterator[InstanceId]:
        while True:
            yield await self._changed.get()

    async def close(self) -> None:
        """Let go of the supervisor, which goes on, unless it is tethered."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        if self._reading is not None:
            await self._reading
        if self._tether >= 0:
            os.close(self._tether)
            self._tether = -1

    async def shutdown(self) -> None:
        """End all instances and their supervisor."""
        if not await self._listens():
            return
        with contextlib.suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(_END_BOUND):
                await self._ask("shutdown")
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, _END_BOUND)
            except subprocess.TimeoutExpired:
                # Its instances end with it, by the kernel's hand.
                self._process.kill()
                await asyncio.to_thread(self._process.wait)

    async def _ask(self, what: str, **details: object) -> dict[str, Any]:
        await self._connect()
        assert self._writer is not None
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        message = {"id": number, "do": what, **details}
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
            told = await answer
        except OSError as error:
            raise ProviderError(f"cannot {what}: the supervisor has gone: {error}") from error
        finally:
            self._asked.pop(number, None)
        if told.get("error"):
            raise ProviderError(f"cannot {what} {details.get('instance', '')}: {told['error']}")
        return told

    async def _connect(self) -> None:
        async with self._connecting:
            if self._writer is not None and not self._writer.is_closing():
                return
            if not await self._open():
                self._spawn()
                await self._wait_for_it()

    async def _listens(self) -> bool:
        async with self._connecting:
            present = self._writer is not None and not self._writer.is_closing()
            return present or await self._open()

    async def _open(self) -> bool:
        # The path itself may be too long for a socket's name.
        try:
            folder = os.open(self._state, os.O_PATH | os.O_DIRECTORY)
        except FileNotFoundError:
            return False
        try:
            path = f"/proc/self/fd/{folder}/supervisor.sock"
            reader, self._writer = await asyncio.open_unix_connection(path, limit=1 << 20)
        except OSError:
            return False
        finally:
            os.close(folder)
        self._reading = asyncio.create_task(self._read(reader))
        return True

    async def _wait_for_it(self) -> None:
        assert self._process is not None
        try:
            async with asyncio.timeout(_START_BOUND):
                while not await self._open():
                    if self._process.poll() is not None:
                        break
                    await asyncio.sleep(_STEP)
                else:
                    return
        except TimeoutError:
            pass
        log = self._state / "supervisor.log"
        said = log.read_text().strip().splitlines() if log.exists() else []
        raise ProviderError(f"cannot start the supervisor: {said[-1] if said else 'no answer'}")

    def _spawn(self) -> None:
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        reading = -1
        if self._tethered:
            reading, self._tether = os.pipe()
        with (self._state / "supervisor.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "cloudhand.providers.sandbox.supervisor",
                    str(self._state.resolve()),
                    str(self._agent),
                    self._mode.value,
                    str(reading),
                    str(self._state.resolve().parent) if self._tethered else "",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(reading,) if self._tethered else (),
            )
        if reading >= 0:
            os.close(reading)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
            except OSError:
                line = b""
            if not line:
                break
            message = json.loads(line)
            if "changed" in message:
                self._changed.put_nowait(InstanceId(message["changed"]))
                continue
            answer = self._asked.get(message["id"])
            if answer is not None and not answer.done():
                answer.set_result(message)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("it closed the connection"))
        # Its end is that of its instances as well.
        for instance_id in self._told_of:
            self._changed.put_nowait(instance_id)
        if self._writer is not None:
            self._writer.close()
