"""What an agent and the gateway say to each other: paths, headers, messages.

The messages are those of the published Cloud Assistant agent protocol. Fields marked
*extension* are ours: they are sent only together with the EXTENSIONS header, and the
gateway requires none of them. All moments are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Protocol, Sequence, Tuple

from cloudhand.wire import checked
from cloudhand.wire.file import FileTask as FileTask  # noqa: PLC0414
from cloudhand.wire.heartbeat import REFUSABLE as REFUSABLE  # noqa: PLC0414
from cloudhand.wire.heartbeat import Heartbeat as Heartbeat  # noqa: PLC0414
from cloudhand.wire.receipt import Receipt
from cloudhand.wire.worklist import Task as Task  # noqa: PLC0414
from cloudhand.wire.worklist import Worklist as Worklist  # noqa: PLC0414

HEARTBEAT_PATH = "/luban/api/heart-beat"
REGISTER_PATH = "/luban/api/instance/register"
DEREGISTER_PATH = "/luban/api/instance/deregister"
CHANNEL_PATH = "/luban/notify_server"
TASK_LIST_PATH = "/luban/api/v1/task/list"
REPORT_PATH = "/luban/api/v1/task/"  # and the kind of the report
STATUS_PATH = "/luban/api/v1/cloudhand/status"  # extension
CONNECTION_PATH = "/luban/api/connection_detect"
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

# 193 and 194 are also what a Unix shell makes of Windows' 3009 and 3010.
POWER_BY_EXIT_CODE = {193: "stop", 3009: "stop", 194: "restart", 3010: "restart"}

# What an agent calls a refusal by rules of its machine's own, in a report.
REFUSED_BY_MACHINE = "RefusedByMachine"


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
    fingerprint: str = ""  # newer published agents: takes the place of machine_id
    force_reuse: bool = False  # keep the id that this machine had, if it had one

    @property
    def machine(self) -> str:
        """By what the machine is known; published agents sign it."""
        return self.fingerprint or self.machine_id

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
            "forceReuse": self.force_reuse,
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Registration":
        """ValueError for a field of the wrong type."""
        texts = {name: checked.text(body, key) for name, key in _REGISTRATION_TEXTS.items()}
        tags = checked.entries(body, "tag")
        pairs = [(checked.text(tag, "key"), checked.text(tag, "value")) for tag in tags]
        reuse = body.get("forceReuse") is True
        return cls(tags=tuple(pairs), force_reuse=reuse, **texts)


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
    "fingerprint": "fingerprint",
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
        instance_id = body.get("instanceId")
        if body.get("code") != 200 or not isinstance(instance_id, str) or not instance_id:
            raise Rejected(str(body.get("message") or body.get("errMsg") or body))
        try:
            return cls(
                instance_id=instance_id,
                region_id=checked.text(body, "regionId"),
                key=base64.b64decode(checked.text(body, "key"), validate=True),
            )
        except ValueError as error:
            raise Rejected(f"cannot understand the answer: {error}") from error


@dataclass(frozen=True)
class Fetch:
    """A request for work: all of it, or what concerns one task."""

    reason: str  # startup or kickoff
    task_id: str = ""
    cold_start: bool = False
    time_zone: str = ""  # of the machine, as an IANA name or an offset like GMT+8:00

    def to_query(self) -> "dict[str, str]":
        query = {"reason": self.reason}
        if self.time_zone:
            query["timeZone"] = self.time_zone
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
            time_zone=query.get("timeZone", ""),
        )


# Kinds of report: the last part of their path.
RUNNING = "running"  # started, or more output
FINISH = "finish"  # the process ended by itself
TIMEOUT = "timeout"  # ended by us because of its timeout
ERROR = "error"  # could not be started or watched
STOPPED = "stopped"  # ended by us because we were told to
INVALID = "invalid"  # refused before it was started
VERIFIED = "verified"  # a dry run found nothing wrong
INTERRUPTED = "interrupted"  # extension: the machine or the watcher went down under it
_FILE = "sendfile"  # type of a task that is a file
KINDS = (RUNNING, FINISH, TIMEOUT, ERROR, STOPPED, INVALID, VERIFIED, INTERRUPTED)


@dataclass(frozen=True)
class Report:
    """What an agent says about one task or file; repeated until it is acknowledged.

    Our agent keeps at most ``log_quota`` bytes of output: the head, which it sends while the
    task runs, and the tail, which is what the API shows. ``output`` is a piece of what is kept, and
    ``offset`` says where in it the piece begins, so that a repeated piece is stored once. Pieces
    that do not fit into the report of an end come before it, as RUNNING.
    """

    kind: str
    task_id: str
    output: bytes = b""
    start: int = 0
    end: int = 0
    exit_code: int = 0
    dropped: int = 0  # bytes of output left out between head and tail
    # ERROR: text or number; INTERRUPTED: InstanceRestarted or ExecutionInterrupted
    error_code: str = ""
    error_description: str = ""
    param: str = ""  # INVALID: what was refused
    value: str = ""  # INVALID: why
    result: str = ""  # STOPPED: killed or completed
    offset: Optional[int] = None  # extension; None: append what is in output
    survivors: Tuple[int, ...] = ()  # extension: pids of the task that could not be ended
    receipt: Optional[Receipt] = None  # extension: how its processes were ended, if they were
    power: str = ""  # extension, FINISH: stop or restart, which follows the acknowledgement
    refusal: str = ""  # extension, FINISH: why the machine does not do what its exit code asks for
    file: bool = False  # about a file, which ends with FINISH, or INVALID before it is written

    def to_query(self) -> "dict[str, str]":
        if self.file:
            return self._file_query()
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
        if self.receipt is not None:
            query["receipt"] = self.receipt.to_text()
        return {**query, **self._power_query()}

    def _power_query(self) -> "dict[str, str]":
        said = {"power": self.power, "refusal": self.refusal}
        return {name: value for name, value in said.items() if value}

    def _file_query(self) -> "dict[str, str]":
        query = {"taskId": self.task_id, "taskType": _FILE}
        if self.kind == INVALID:
            query["param"] = self.param
            query["value"] = self.value
        else:
            query["status"] = "Failed" if self.error_code else "Success"
            query["errorcode"] = self.error_code or "0"
        if self.error_description:  # extension
            query["errDesc"] = self.error_description[:255]
        return query

    @classmethod
    def from_query(cls, kind: str, query: "Mapping[str, str]", output: bytes) -> "Report":
        """ValueError for a number that is none or a missing task id."""
        if not query.get("taskId"):
            raise ValueError("taskId is missing")
        if query.get("taskType") == _FILE:
            return _of_file(kind, query)
        if query.get("power", "") not in ("", *POWER_BY_EXIT_CODE.values()):
            raise ValueError("power is neither stop nor restart")
        return cls(
            kind=kind,
            task_id=query["taskId"],
            output=output,
            start=checked.number(query, "start"),
            end=checked.number(query, "end"),
            exit_code=checked.number(
                query, "exitCode" if "exitCode" in query else "exitcode", signed=True
            ),
            dropped=checked.number(query, "dropped"),
            error_code=query.get("errCode", ""),
            error_description=query.get("errDesc", ""),
            param=query.get("param", ""),
            value=query.get("value", ""),
            result=query.get("result", ""),
            offset=checked.number(query, "offset") if query.get("offset") else None,
            survivors=_pids(query.get("survivors", "")),
            receipt=Receipt.from_text(query["receipt"]) if query.get("receipt") else None,
            power=query.get("power", ""),
            refusal=checked.text(query, "refusal"),
        )


def _of_file(kind: str, query: "Mapping[str, str]") -> Report:
    if kind not in (FINISH, INVALID):
        raise ValueError(f"a file has no {kind} report")
    written = kind == INVALID or query.get("status") == "Success"
    return Report(
        kind=kind,
        task_id=query["taskId"],
        error_code="" if written else query.get("errorcode") or "unknown",
        error_description=query.get("errDesc", ""),
        param=query.get("param", ""),
        value=query.get("value", ""),
        file=True,
    )


def _pids(listed: str) -> "Tuple[int, ...]":
    return tuple(
        checked.number({"survivors": pid}, "survivors") for pid in listed.split(",") if pid
    )


@dataclass(frozen=True)
class Ack:
    """The answer to a report, given only when what it says is durable."""

    stop: bool = False  # extension: end this task, if it still runs
    proceed: bool = True  # extension: a power action may follow now
    hold: int = 0  # extension: else ask again, with the same report, after so many ms
    within: int = 0  # extension: ms in which it must begin, or ask again; 0: at any time
    refused: bool = False  # extension: the result is taken, and no power action may follow

    def to_json(self) -> "dict[str, Any]":
        return {
            "code": 200,
            "stop": self.stop,
            "proceed": self.proceed,
            "hold": self.hold,
            "within": self.within,
            "refused": self.refused,
        }

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Ack":
        """Never an error: the report has been heard, whatever else is said."""
        hold, within = body.get("hold"), body.get("within")
        return cls(
            stop=body.get("stop") is True,
            proceed=body.get("proceed") is not False,
            hold=hold if isinstance(hold, int) else 0,
            within=within if isinstance(within, int) else 0,
            refused=body.get("refused") is True,
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
        return cls(
            boot_id=checked.text(body, "bootId"),
            running=tuple(checked.texts(body, "running")),
            unacknowledged=tuple(checked.texts(body, "unacknowledged")),
        )


@dataclass(frozen=True)
class Orders:
    """Extension: the answer to an inventory."""

    stop: Tuple[str, ...] = ()  # tasks that run but are over for the control plane

    def to_json(self) -> "dict[str, Any]":
        return {"code": 200, "stop": list(self.stop)}

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Orders":
        """ValueError for an answer that is none."""
        return cls(tuple(checked.texts(body, "stop")))


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
