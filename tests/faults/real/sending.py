"""A run in which a file is sent, in place of a script."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.faults.checker import Run, Sent
from tests.faults.real.play import Play

_NAME = "sent"
_SIZES = (1, 300, 20_000)  # bytes


class Sending(Play):
    @property
    def content(self) -> bytes:
        return self.cell.chance().randbytes(self.cell.chance().choice(_SIZES))

    def _ask(self) -> str:
        invoke_id: str = self.caller.call(
            "SendFile",
            Name=_NAME,
            TargetDir=str(self.seat.root / "state" / self.cell.name),
            Content=base64.b64encode(self.content).decode(),
            ContentType="Base64",
            InstanceId=[self.seat.id],
            ClientToken=f"{self.seat.name}-{self.cell.name}",
        )["InvokeId"]
        return invoke_id

    def _told(self, invoke_id: str) -> dict[str, Any] | None:
        found = self.caller.call("DescribeSendFileResults", InvokeId=invoke_id)
        for one in found["Invocations"]["Invocation"]:
            for told in one["InvokeInstances"]["InvokeInstance"]:
                return dict(told)
        return None

    def _seen(self, name: str, told: dict[str, Any] | None) -> Run | Sent:
        disk = self.seat.disk
        state = disk.seen if disk is not None else self.seat.root / "state"
        there = Path(state / self.cell.name)
        names = sorted(one.name for one in there.iterdir()) if there.exists() else []
        return Sent(
            name=name,
            faults=self._faults(),
            content=self.content,
            found=(there / _NAME).read_bytes() if _NAME in names else None,
            parts=tuple(one for one in names if one != _NAME),
            told=told,
            away=self._away(),
            unwritable=self._strike.unwritable,
        )
