"""Messages to the world, into which secrets are put for the sending alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from cloudhand.core.execution import Execution
from cloudhand.orchestration import secrets
from cloudhand.orchestration.evaluation import NotStored
from cloudhand.orchestration.values import text
from cloudhand.reconcilers.means import Means
from cloudhand.store.transaction import Transaction


class Sending:
    """orchestration.action.Sender for one execution."""

    def __init__(self, means: Means, execution: Execution) -> None:
        self._means = means
        self._execution = execution

    async def __call__(
        self, url: Any, *, headers: Mapping[str, Any], content: Any, key: str
    ) -> int:
        names = secrets.names([url, headers, content], self._execution.mark)
        known = await self._secrets(names) if names else {}

        def clear(value: Any) -> Any:
            return secrets.revealed(value, self._execution.mark, known)

        told = clear(content)
        try:
            return await self._means.post(
                text(clear(url)),
                headers={name: text(value) for name, value in clear(headers).items()},
                body=(
                    told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
                ).encode(),
                key=key,
            )
        except OSError as error:
            if not known:
                raise
            # What is told of an address may be a part of it.
            refused = isinstance(error, ConnectionError) and error.errno
            told = os.strerror(refused) if refused else "it cannot be reached"
            kind = PermissionError if isinstance(error, PermissionError) else OSError
            raise kind(told) from None

    async def _secrets(self, names: set[str]) -> dict[str, str]:
        await self._means.check_read(self._execution, names, secret=True)

        async def work(tx: Transaction) -> dict[str, str]:
            return await tx.stored_parameters.secrets(names)

        found = await self._means.database.read(work)
        missing = names - found.keys()
        if missing:
            raise NotStored(missing, secret=True)
        return found
