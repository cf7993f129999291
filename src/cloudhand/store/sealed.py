"""Columns of JSON that are sealed where their rows have something in them that is hidden."""

from __future__ import annotations

import base64
import json
from typing import Any

from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import to_json

SEALED = "sealed:"  # no JSON begins so


class Sealing:
    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope

    def written(self, value: Any, *, purpose: str, sealed: bool) -> str:
        """``purpose`` names the row and the column."""
        text = to_json(value)
        if not sealed:
            return text
        closed = self._envelope.seal(text.encode(), purpose=purpose)
        return SEALED + base64.b64encode(closed).decode()

    def read(self, text: str, *, purpose: str) -> Any:
        """StoreError when it was sealed for another place."""
        if text.startswith(SEALED):
            closed = base64.b64decode(text.removeprefix(SEALED))
            text = self._envelope.open(closed, purpose=purpose).decode()
        return json.loads(text)
