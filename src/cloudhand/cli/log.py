"""The log on standard error: one line per event, with its fields after its words."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
# What every record has; the rest is what its event is about.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def to_stderr(*, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines(_FORMAT))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _Lines(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # its name there
        fields = {name: value for name, value in vars(record).items() if name not in _OWN}
        told = "".join(f" {name}={value!s}" for name, value in fields.items())
        return super().formatMessage(record) + told
