"""The work that an agent is given: tasks to run or to check, ids of those to stop, files."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Tuple

from cloudhand.wire import checked
from cloudhand.wire.file import FileTask
from cloudhand.wire.release import Order

_LONGEST_CONTENT = 1024 * 1024  # characters of base64


@dataclass(frozen=True)
class Task:
    """One piece of work for one machine: a script with all that it needs."""

    task_id: str
    type: str  # RunShellScript, RunBatScript, RunPowerShellScript
    content: bytes
    timeout: int  # seconds; 0: no limit
    command_id: str = ""
    command_name: str = ""
    working_directory: str = ""  # empty: the home of the user
    username: str = ""  # empty: the agent's own user
    password_name: str = ""  # of a secret, which an agent on Windows reads itself
    enable_parameter: bool = False
    built_in_parameters: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False  # extension: content holds secrets, and is never written anywhere
    termination_mode: str = ""  # Process, ProcessTree; empty: not said
    launcher: str = ""
    log_quota: int = 24576  # bytes of output kept
    interval: int = 3000  # ms between running reports
    power_wait: int = 60  # extension: seconds to wait for an acknowledgement before a power action

    def to_json(self, instance_id: str) -> "dict[str, Any]":
        return {
            "task": {
                "taskID": self.task_id,
                "invokeVersion": 0,
                "type": self.type,
                "commandId": self.command_id,
                "commandName": self.command_name,
                "commandContent": base64.b64encode(self.content).decode(),
                "timeOut": str(self.timeout),
                "workingDirectory": self.working_directory,
                "username": self.username,
                "windowsPasswordName": self.password_name,
                "enableParameter": self.enable_parameter,
                "builtInParameter": dict(self.built_in_parameters),
                "cron": "",
                "args": "",
                "instanceId": instance_id,
                "terminationMode": self.termination_mode,
                "launcher": self.launcher,
                "powerWait": self.power_wait,
                "sealed": self.sealed,
            },
            "output": {
                "interval": self.interval,
                "logQuota": self.log_quota,
                "skipEmpty": True,
                "sendStart": True,
            },
            "repeat": "Once",
        }

    @classmethod
    def from_json(cls, item: "Mapping[str, Any]") -> "Task":
        """ValueError for an item that is not a task."""
        task = checked.entry(item, "task")
        output = checked.entry(item, "output")
        task_id = checked.text(task, "taskID")
        if not task_id:
            raise ValueError("taskID is missing")
        seconds = checked.whole(checked.text(task, "timeOut") or "3600")
        parameters = checked.entry(task, "builtInParameter")
        content = checked.text(task, "commandContent", longest=_LONGEST_CONTENT)
        return cls(
            task_id=task_id,
            type=checked.text(task, "type"),
            content=base64.b64decode(content, validate=True),
            timeout=3600 if seconds is None else max(seconds, 0),
            command_id=checked.text(task, "commandId"),
            command_name=checked.text(task, "commandName"),
            working_directory=checked.text(task, "workingDirectory"),
            username=checked.text(task, "username"),
            password_name=checked.text(task, "windowsPasswordName"),
            enable_parameter=task.get("enableParameter") is True,
            built_in_parameters={name: checked.text(parameters, name) for name in parameters},
            sealed=task.get("sealed") is True,
            termination_mode=checked.text(task, "terminationMode"),
            launcher=checked.text(task, "launcher"),
            log_quota=max(_count(output, "logQuota"), 12000),
            interval=max(_count(output, "interval"), 1000),
            power_wait=_count(task, "powerWait", default=60),
        )


@dataclass(frozen=True)
class Worklist:
    """The answer to a fetch. Nothing in it means that other work is over."""

    instance_id: str
    run: Tuple[Task, ...] = ()
    stop: Tuple[str, ...] = ()  # task ids
    test: Tuple[Task, ...] = ()  # check, do not run
    file: Tuple[FileTask, ...] = ()
    upgrade: Optional[Order] = None  # extension: of the agent itself

    def to_json(self) -> "dict[str, Any]":
        upgrade = {"upgrade": self.upgrade.to_json()} if self.upgrade is not None else {}
        return {
            "code": 200,
            "instanceId": self.instance_id,
            "run": [task.to_json(self.instance_id) for task in self.run],
            "stop": [_stop_item(task_id) for task_id in self.stop],
            "test": [task.to_json(self.instance_id) for task in self.test],
            "file": [file.to_json() for file in self.file],
            "session": [],
            **upgrade,
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Worklist":
        """ValueError for an answer that is not a list of work."""
        stop = [checked.entry(item, "task") for item in checked.entries(body, "stop")]
        return cls(
            instance_id=checked.text(body, "instanceId"),
            run=tuple(Task.from_json(item) for item in checked.entries(body, "run")),
            stop=tuple(checked.text(task, "taskID") for task in stop),
            test=tuple(Task.from_json(item) for item in checked.entries(body, "test")),
            file=tuple(FileTask.from_json(item) for item in checked.entries(body, "file")),
            upgrade=Order.from_json(checked.entry(body, "upgrade")),
        )


def _stop_item(task_id: str) -> "dict[str, Any]":
    return {"task": {"taskID": task_id}, "output": {}, "repeat": "Once"}


def _count(values: "Mapping[str, Any]", name: str, *, default: int = 0) -> int:
    value = values.get(name, default)
    if not isinstance(value, int):
        raise ValueError(f"{name} is not a number")
    return value
