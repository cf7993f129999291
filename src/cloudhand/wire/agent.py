"""What an agent and the gateway say to each other: paths, headers, messages.

The messages are those of the published Cloud Assistant agent protocol. Fields marked
*extension* are ours: they are sent only together with the EXTENSIONS header, and the
gateway requires none of them. All moments are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Protocol, Sequence, Tuple

HEARTBEAT_PATH = "/luban/api/heart-beat"
REGISTER_PATH = "/luban/api/instance/register"
DEREGISTER_PATH = "/luban/api/instance/deregister"
CHANNEL_PATH = "/luban/notify_server"
TASK_LIST_PATH = "/luban/api/v1/task/list"
REPORT_PATH = "/luban/api/v1/task/"  # and the kind of the report
INVENTORY_PATH = "/luban/api/v1/cloudhand/inventory"  # extension

INSTANCE_HEADER = "x-acs-instance-id"
TIMESTAMP_HEADER = "x-acs-timestamp"
REQUEST_HEADER = "x-acs-request-id"
RSA_SIGNATURE_HEADER = "x-acs-signature"  # what the published agent sends
HMAC_SIGNATURE_HEADER = "x-cloudhand-signature"  # extension: hex, see wire.signature.sign_agent
EXTENSIONS_HEADER = "x-cloudhand-agent"  # extension: version of our agent; offers all extensions
BOOT_HEADER = "x-cloudhand-boot"  # extension: boot id of the machine, on every request

# The version our agent reports where the protocol wants one of the published agent's:
# from 2.2.3.1065 on every feature of the published agent is assumed.
COMPATIBLE_VERSION = "2.2.3.1100"

STOP_EXIT_CODE = 193  # Windows: 3009, which a Unix shell truncates to 193
RESTART_EXIT_CODE = 194  # Windows: 3010, which a Unix shell truncates to 194
POWER_BY_EXIT_CODE = {193: "stop", 3009: "stop", 194: "restart", 3010: "restart"}


class Rejected(Exception):
    """The gateway refuses this for good; asking again gives the same answer."""


class Unavailable(Exception):
    """The gateway could not be reached or cannot answer now; ask again later."""


@dataclass(frozen=True)
class Registration:
    """What a machine says of itself when it joins with an activation."""

    activation_id: str
    activation_code: str
    machine_id: str
    region_id: str
    hostname: str
    os_version: str
    agent_version: str
    instance_name: str = ""
    intranet_ip: str = ""
    os_type: str = "linux"
    public_key: str = ""  # base64 of the PEM text; empty: our agent, which asks for an HMAC key
    tags: Tuple[Tuple[str, str], ...] = ()

    def to_json(self) -> "dict[str, Any]":
        return {
            "activationCode": self.activation_code,
            "activationId": self.activation_id,
            "machineId": self.machine_id,
            "regionId": self.region_id,
            "instanceName": self.instance_name,
            "hostname": self.hostname,
            "intranetIp": self.intranet_ip,
            "osVersion": self.os_version,
            "osType": self.os_type,
            "agentVersion": self.agent_version,
            "publicKey": self.public_key,
            "tag": [{"key": key, "value": value} for key, value in self.tags],
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Registration":
        """ValueError for a field of the wrong type."""
        texts = {}
        for name, key in _REGISTRATION_TEXTS.items():
            value = body.get(key, "")
            if not isinstance(value, str):
                raise ValueError(f"{key} is not a string")
            texts[name] = value
        tags = body.get("tag") or []
        if not isinstance(tags, list):
            raise ValueError("tag is not a list")
        pairs = []
        for tag in tags:
            if not isinstance(tag, dict):
                raise ValueError("tag is not a list of objects")
            pairs.append((str(tag.get("key", "")), str(tag.get("value", ""))))
        return cls(tags=tuple(pairs), **texts)


_REGISTRATION_TEXTS = {
    "activation_id": "activationId",
    "activation_code": "activationCode",
    "machine_id": "machineId",
    "region_id": "regionId",
    "hostname": "hostname",
    "os_version": "osVersion",
    "agent_version": "agentVersion",
    "instance_name": "instanceName",
    "intranet_ip": "intranetIp",
    "os_type": "osType",
    "public_key": "publicKey",
}


@dataclass(frozen=True)
class Registered:
    instance_id: str
    region_id: str = ""
    key: bytes = b""  # extension: 32 bytes for HMAC-SHA256

    def to_json(self) -> "dict[str, Any]":
        answer: "dict[str, Any]" = {"code": 200, "instanceId": self.instance_id}
        if self.key:
            answer["key"] = base64.b64encode(self.key).decode()
            answer["regionId"] = self.region_id
        return answer

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Registered":
        """Rejected when the answer is not that of a registration that succeeded."""
        if body.get("code") != 200 or not body.get("instanceId"):
            raise Rejected(str(body.get("message") or body.get("errMsg") or body))
        return cls(
            instance_id=body["instanceId"],
            region_id=body.get("regionId", ""),
            key=base64.b64decode(body.get("key", "")),
        )


@dataclass(frozen=True)
class Heartbeat:
    """Proof of life. The boot id travels in the BOOT header."""

    uptime: int  # ms since boot
    timestamp: int
    pid: int
    process_uptime: int  # ms since the agent started
    index: int  # beats acknowledged so far by this process
    seq_no: int  # beats sent so far by this process
    cold_start: bool = False  # first agent start after a boot; said while index is 0
    os_version: str = ""
    machine_id: str = ""

    def to_query(self) -> "dict[str, str]":
        query = {
            "uptime": str(self.uptime),
            "timestamp": str(self.timestamp),
            "pid": str(self.pid),
            "process_uptime": str(self.process_uptime),
            "index": str(self.index),
            "seq_no": str(self.seq_no),
        }
        if self.index == 0:
            query["virt_type"] = "kvm"
            query["os_version"] = self.os_version
            query["az"] = "unknown"
            query["machineid"] = self.machine_id
            query["cold_start"] = "true" if self.cold_start else "false"
        return query

    @classmethod
    def from_query(cls, query: "Mapping[str, str]") -> "Heartbeat":
        """ValueError for a number that is none; the long form lacks numbers, which are then 0."""
        return cls(
            uptime=int(query.get("uptime") or 0),
            timestamp=int(query.get("timestamp") or 0),
            pid=int(query.get("pid") or 0),
            process_uptime=int(query.get("process_uptime") or 0),
            index=int(query.get("index") or 0),
            seq_no=int(query.get("seq_no") or 0),
            cold_start=query.get("cold_start") == "true",
            os_version=query.get("os_version", ""),
            machine_id=query.get("machineid", ""),
        )


@dataclass(frozen=True)
class Fetch:
    """A request for work: all of it, or what concerns one task."""

    reason: str  # startup or kickoff
    task_id: str = ""
    cold_start: bool = False

    def to_query(self) -> "dict[str, str]":
        query = {"reason": self.reason}
        if self.task_id:
            query["taskId"] = self.task_id
        if self.reason == "startup":
            query["cold_start"] = "true" if self.cold_start else "false"
        return query

    @classmethod
    def from_query(cls, query: "Mapping[str, str]") -> "Fetch":
        return cls(
            reason=query.get("reason", "kickoff"),
            task_id=query.get("taskId", ""),
            cold_start=query.get("cold_start") == "true",
        )


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
    enable_parameter: bool = False
    built_in_parameters: Mapping[str, str] = field(default_factory=dict)
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
                "enableParameter": self.enable_parameter,
                "builtInParameter": dict(self.built_in_parameters),
                "cron": "",
                "args": "",
                "instanceId": instance_id,
                "terminationMode": self.termination_mode,
                "launcher": self.launcher,
                "powerWait": self.power_wait,
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
        """ValueError or KeyError for an item that is not a task."""
        task = item["task"]
        output = item.get("output") or {}
        try:
            timeout = max(int(task.get("timeOut") or 3600), 0)
        except ValueError:
            timeout = 3600
        return cls(
            task_id=task["taskID"],
            type=task.get("type", ""),
            content=base64.b64decode(task.get("commandContent", ""), validate=True),
            timeout=timeout,
            command_id=task.get("commandId", ""),
            command_name=task.get("commandName", ""),
            working_directory=task.get("workingDirectory", ""),
            username=task.get("username", ""),
            enable_parameter=bool(task.get("enableParameter")),
            built_in_parameters=task.get("builtInParameter") or {},
            termination_mode=task.get("terminationMode", ""),
            launcher=task.get("launcher", ""),
            log_quota=max(int(output.get("logQuota") or 0), 12000),
            interval=max(int(output.get("interval") or 0), 1000),
            power_wait=int(task.get("powerWait", 60)),
        )


@dataclass(frozen=True)
class Worklist:
    """The answer to a fetch. Nothing in it means that other work is over."""

    instance_id: str
    run: Tuple[Task, ...] = ()
    stop: Tuple[str, ...] = ()  # task ids
    test: Tuple[Task, ...] = ()  # check, do not run

    def to_json(self) -> "dict[str, Any]":
        return {
            "code": 200,
            "instanceId": self.instance_id,
            "run": [task.to_json(self.instance_id) for task in self.run],
            "stop": [_stop_item(task_id) for task_id in self.stop],
            "test": [task.to_json(self.instance_id) for task in self.test],
            "file": [],
            "session": [],
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Worklist":
        """ValueError or KeyError for an answer that is not a list of work."""
        return cls(
            instance_id=body.get("instanceId", ""),
            run=tuple(Task.from_json(item) for item in body.get("run") or ()),
            stop=tuple(item["task"]["taskID"] for item in body.get("stop") or ()),
            test=tuple(Task.from_json(item) for item in body.get("test") or ()),
        )


def _stop_item(task_id: str) -> "dict[str, Any]":
    return {"task": {"taskID": task_id}, "output": {}, "repeat": "Once"}


# Kinds of report: the last part of their path.
RUNNING = "running"  # started, or more output
FINISH = "finish"  # the process ended by itself
TIMEOUT = "timeout"  # ended by us because of its timeout
ERROR = "error"  # could not be started or watched
STOPPED = "stopped"  # ended by us because we were told to
INVALID = "invalid"  # refused before it was started
VERIFIED = "verified"  # a dry run found nothing wrong
INTERRUPTED = "interrupted"  # extension: the machine or the watcher went down under it
KINDS = (RUNNING, FINISH, TIMEOUT, ERROR, STOPPED, INVALID, VERIFIED, INTERRUPTED)


@dataclass(frozen=True)
class Report:
    """What an agent says about one task; repeated until it is acknowledged.

    Our agent keeps at most ``log_quota`` bytes of output: the head, which it sends while the
    task runs, and the tail. ``output`` is a piece of what is kept, and ``offset`` says where in
    it the piece begins, so that a repeated piece is stored once.
    """

    kind: str
    task_id: str
    output: bytes = b""
    start: int = 0
    end: int = 0
    exit_code: int = 0
    dropped: int = 0  # bytes of output left out between head and tail
    error_code: str = (
        ""  # ERROR: text or number; INTERRUPTED: InstanceRestarted or ExecutionInterrupted
    )
    error_description: str = ""
    param: str = ""  # INVALID: what was refused
    value: str = ""  # INVALID: why
    result: str = ""  # STOPPED: killed or completed
    offset: Optional[int] = None  # extension; None: append what is in output
    survivors: Tuple[int, ...] = ()  # extension: pids of the task that could not be ended
    power: str = ""  # extension, FINISH: stop or restart, which follows the acknowledgement

    def to_query(self) -> "dict[str, str]":
        query = {"taskId": self.task_id, "invokeVersion": "0"}
        if self.kind in (INVALID, VERIFIED):
            if self.kind == INVALID:
                query["param"] = self.param
                query["value"] = self.value
            return query
        query["start"] = str(self.start)
        if self.kind != RUNNING:
            query["end"] = str(self.end)
            # The published protocol spells this one field in two ways.
            query["exitcode" if self.kind == STOPPED else "exitCode"] = str(self.exit_code)
            query["dropped"] = str(self.dropped)
        if self.kind == STOPPED:
            query["result"] = self.result
        if self.kind in (ERROR, INTERRUPTED):
            query["errCode"] = self.error_code
            query["errDesc"] = self.error_description[:255]
        if self.offset is not None:
            query["offset"] = str(self.offset)
        if self.survivors:
            query["survivors"] = ",".join(str(pid) for pid in self.survivors)
        if self.power:
            query["power"] = self.power
        return query

    @classmethod
    def from_query(cls, kind: str, query: "Mapping[str, str]", output: bytes) -> "Report":
        """ValueError for a number that is none or a missing task id."""
        if not query.get("taskId"):
            raise ValueError("taskId is missing")
        return cls(
            kind=kind,
            task_id=query["taskId"],
            output=output,
            start=int(query.get("start") or 0),
            end=int(query.get("end") or 0),
            exit_code=int(query.get("exitCode") or query.get("exitcode") or 0),
            dropped=int(query.get("dropped") or 0),
            error_code=query.get("errCode", ""),
            error_description=query.get("errDesc", ""),
            param=query.get("param", ""),
            value=query.get("value", ""),
            result=query.get("result", ""),
            offset=int(query["offset"]) if "offset" in query else None,
            survivors=tuple(int(pid) for pid in query.get("survivors", "").split(",") if pid),
            power=query.get("power", ""),
        )


@dataclass(frozen=True)
class Ack:
    """The answer to a report, given only when what it says is durable."""

    stop: bool = False  # extension: end this task, if it still runs
    proceed: bool = True  # extension: a power action may follow now
    hold: int = 0  # extension: else ask again, with the same report, after so many ms

    def to_json(self) -> "dict[str, Any]":
        return {"code": 200, "stop": self.stop, "proceed": self.proceed, "hold": self.hold}

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Ack":
        return cls(
            stop=body.get("stop") is True,
            proceed=body.get("proceed") is not False,
            hold=int(body.get("hold") or 0),
        )


@dataclass(frozen=True)
class Inventory:
    """Extension: what our agent says first after each of its starts, before it fetches.

    A task in neither list is one this agent knows nothing of: it was never started here, or its
    end has been acknowledged.
    """

    boot_id: str
    running: Sequence[str] = ()  # task ids whose process lives and is watched
    unacknowledged: Sequence[str] = ()  # task ids whose final report is still to come

    def to_json(self) -> "dict[str, Any]":
        return {
            "bootId": self.boot_id,
            "running": list(self.running),
            "unacknowledged": list(self.unacknowledged),
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Inventory":
        """ValueError for fields of the wrong type."""
        lists = [body.get("running") or [], body.get("unacknowledged") or []]
        if not all(isinstance(ids, list) and all(isinstance(i, str) for i in ids) for ids in lists):
            raise ValueError("running and unacknowledged are lists of task ids")
        return cls(str(body.get("bootId", "")), tuple(lists[0]), tuple(lists[1]))


@dataclass(frozen=True)
class Orders:
    """Extension: the answer to an inventory."""

    stop: Tuple[str, ...] = ()  # tasks that run but are over for the control plane

    def to_json(self) -> "dict[str, Any]":
        return {"code": 200, "stop": list(self.stop)}

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Orders":
        return cls(tuple(body.get("stop") or ()))


class Gateway(Protocol):
    """The agent's whole view of the control plane.

    Order for one start of an agent: ``register`` once in the life of the machine, then ``beat``,
    ``inventory`` and a ``fetch`` for startup; from then on a beat a minute, a fetch for each kick,
    and reports as things happen. Calls come from several threads. Each raises Rejected or
    Unavailable; everything but ``register`` may be repeated.
    """

    def register(self, registration: Registration) -> Registered: ...

    def beat(self, heartbeat: Heartbeat) -> int:
        """Milliseconds until the next one."""

    def inventory(self, inventory: Inventory) -> Orders: ...

    def fetch(self, fetch: Fetch) -> Worklist: ...

    def report(self, report: Report) -> Ack: ...

    def deregister(self) -> None: ...
