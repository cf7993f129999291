"""Settings of an account for its agents."""

from __future__ import annotations

import json
from dataclasses import asdict

from cloudhand.core.assistant_settings import Kind, Setting
from cloudhand.store.database import Statements
from cloudhand.store.rows import to_json


class AssistantSettings:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def get(self, account_id: str, purpose: str, kind: type[Kind]) -> Kind | None:
        """None: nobody has set it."""
        rows = await self._statements.fetch(
            "SELECT value FROM assistant_settings"
            " WHERE account_id = ? AND purpose = ? AND kind = ?",
            account_id,
            purpose,
            kind.__name__,
        )
        if not rows:
            return None
        values = json.loads(rows[0][0])
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return kind(**values | lists)

    async def put(self, account_id: str, purpose: str, setting: Setting) -> None:
        await self._statements.change(
            "INSERT INTO assistant_settings (account_id, purpose, kind, value)"
            " VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            account_id,
            purpose,
            type(setting).__name__,
            to_json(asdict(setting)),
        )
