"""The processes of an instance, seen from outside: found by a script that runs there."""

from __future__ import annotations

from collections.abc import Iterator

from tests.system.processes import Process, naming, processes


def init_of(invoke_id: str) -> int:
    return _init(invoke_id).pid


def agent_of(invoke_id: str) -> int:
    """The agent itself, not the holders of its scripts, which look the same."""
    init = _init(invoke_id).pid
    (agent,) = [
        process.pid
        for process in processes().values()
        if process.alive and process.parent == init and _names(process, "agent.pyz")
    ]
    return agent


def _init(invoke_id: str) -> Process:
    (init,) = {process for process in _ancestors(invoke_id) if _names(process, "init.py")}
    return init


def _ancestors(invoke_id: str) -> Iterator[Process]:
    present = processes()
    for pid in naming(f"/tasks/{invoke_id}/"):
        process = present.get(pid)
        while process is not None:
            yield process
            process = present.get(process.parent)


def _names(process: Process, file: str) -> bool:
    return any(word.endswith(f"/{file}") for word in process.words)
