"""What a caller asks of the control plane, and what it is told, in our own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cloudhand.core.account import OWNER
from cloudhand.core.command import CommandType
from cloudhand.core.errors import CloudhandError
from cloudhand.core.execution import Mode, SafetyCheck
from cloudhand.core.fault import Kind as FaultKind
from cloudhand.core.ids import (
    ActivationId,
    CommandId,
    ExecutionId,
    InstanceId,
    InvokeId,
    TaskExecutionId,
)
from cloudhand.core.instance import Agent, Instance, ManagedInstance, State
from cloudhand.core.invocation import Invocation, RepeatMode, Target
from cloudhand.core.power import PowerAction
from cloudhand.core.stored_parameter import Type


@dataclass(frozen=True, kw_only=True)
class Once:
    """A client token, or an effect: the same one and fingerprint give the first answer again."""

    token: str
    fingerprint: str  # of the operation and all its other parameters
    task_id: TaskExecutionId | None = None  # the task of an execution that asks


@dataclass(frozen=True, kw_only=True)
class NewCommand:
    """A script with all that it needs."""

    type: CommandType
    content: bytes  # as it is after decoding
    name: str = ""
    description: str = ""
    working_dir: str = ""
    timeout: int = 60
    enable_parameter: bool = False
    launcher: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CommandChange:
    """What becomes of a stored command; None: as it is."""

    name: str | None = None
    description: str | None = None
    working_dir: str | None = None
    timeout: int | None = None
    launcher: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewInvocation:
    """On which instances a command runs, and how; either ids or tags name them."""

    instance_ids: Sequence[InstanceId] = ()
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeat_mode: RepeatMode = RepeatMode.ONCE
    frequency: str = ""  # of a period
    username: str = ""
    password_name: str = ""  # what its password, on Windows, is called where the agent reads it
    termination_mode: str = ""
    by: str = OWNER  # who asks, as Identity tells it
    wait_online: timedelta | None = None  # for a machine to come back; None: as documented
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class RunOrder:
    """Run a command that comes along."""

    command: NewCommand
    keep_command: bool = False  # as a stored one
    invocation: NewInvocation


@dataclass(frozen=True, kw_only=True)
class InvokeOrder:
    """Run a stored command, this time with changes."""

    command_id: CommandId
    change: CommandChange
    invocation: NewInvocation


@dataclass(frozen=True, kw_only=True)
class InvocationChange:
    """What becomes of an invocation that repeats; None: as it is."""

    content: bytes | None = None
    enable_parameter: bool | None = None
    parameters: Mapping[str, str] | None = None
    frequency: str | None = None
    more_instance_ids: Sequence[InstanceId] = ()
    by: str = OWNER  # who asks; the store is read with the rights of whoever changed it last
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The answer to a RunOrder, an InvokeOrder or an InvocationChange."""

    command_id: CommandId
    invoke_id: InvokeId


@dataclass(frozen=True, kw_only=True)
class CommandFilter:
    """All given ones must match; None and empty mean any."""

    command_id: CommandId | None = None
    name: str = ""  # may have * at either end
    description: str = ""  # so may this
    type: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InvocationFilter:
    """All given ones must match; None and empty mean any."""

    invoke_id: InvokeId | None = None
    instance_id: InstanceId | None = None
    command_id: CommandId | None = None
    command_name: str = ""  # may have * at either end
    command_type: str = ""
    states: frozenset[str] = frozenset()  # overall states (invocations) or target states (results)
    repeat_mode: str = ""
    comes_again: bool | None = None  # whether it will run again by itself
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResultView:
    """One target with all that is known of its end."""

    invocation: Invocation
    target: Target
    output: bytes  # its last bytes, at most command.SHOWN_LIMIT
    dropped: int  # bytes that the command made beside those
    power_action: PowerAction | None = None


@dataclass(frozen=True, kw_only=True)
class OutputOrder:
    """A piece of the output of one run."""

    invoke_id: InvokeId
    instance_id: InstanceId
    run: int = 0  # of a command that runs again; 0: the last one
    offset: int = 0
    at_most: int  # bytes


@dataclass(frozen=True, kw_only=True)
class OutputPiece:
    target: Target
    output: bytes
    begin: int  # where it begins, in what was kept at first
    size: int  # where what is kept ends


@dataclass(frozen=True, kw_only=True)
class InvocationView:
    invocation: Invocation
    results: Sequence[ResultView]  # outputs are empty unless they were asked for


@dataclass(frozen=True, kw_only=True)
class NewInstances:
    amount: int
    region_id: str
    zone_id: str
    image_id: str = ""
    instance_type: str = ""
    instance_name: str = ""  # empty: the id; may hold the published [begin,bits] pattern
    hostname: str = ""
    unique_suffix: bool = False
    description: str = ""
    user_data: bytes = b""
    tags: Mapping[str, str] = field(default_factory=dict)
    resource_group_id: str = ""
    deletion_protection: bool = False
    starts: bool = True  # by themselves, once they are made
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class InstanceChange:
    """What becomes of an instance; None: as it is."""

    name: str | None = None
    hostname: str | None = None  # of its next boot on
    description: str | None = None
    user_data: bytes | None = None
    deletion_protection: bool | None = None


@dataclass(frozen=True, kw_only=True)
class InstanceFilter:
    """All given ones must match; None and empty mean any. None of ``ids`` means any, () none."""

    ids: frozenset[InstanceId] | None = None
    names: frozenset[str] = frozenset()  # each may have * anywhere
    states: frozenset[str] = frozenset()  # as shown on the wire
    private_ips: frozenset[str] = frozenset()
    zone_id: str = ""
    image_id: str = ""
    instance_type: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)  # a value of "" matches any
    created_from: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class InstanceView:
    instance: Instance
    agent: Agent | None
    online: bool


@dataclass(frozen=True, kw_only=True)
class ManagedFilter:
    ids: frozenset[InstanceId] | None = None
    name: str = ""  # may have * at either end
    ip: str = ""
    os_type: str = ""
    activation_id: ActivationId | None = None
    machine_id: str = ""
    connected: bool | None = None
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ManagedView:
    managed: ManagedInstance
    agent: Agent | None
    online: bool


@dataclass(frozen=True, kw_only=True)
class AgentView:
    """What is known of the agent of an instance of either kind."""

    instance_id: InstanceId
    agent: Agent | None  # None: it never registered
    online: bool
    running_count: int  # targets on it that run now
    cloned: bool  # two agents speak as this one


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What a power order did to one instance; with an error nothing was changed."""

    instance_id: InstanceId
    before: State | None = None
    after: State | None = None
    error: CloudhandError | None = None


@dataclass(frozen=True, kw_only=True)
class NewActivation:
    instance_count: int = 10
    time_to_live: timedelta = timedelta(hours=4)
    instance_name: str = ""
    description: str = ""
    ip_address_range: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class ActivationFilter:
    activation_id: ActivationId | None = None
    instance_name: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewFault:
    """As core.fault.Fault."""

    kind: FaultKind
    instance_ids: Sequence[InstanceId] = ()
    value: int = 0
    percent: int = 100
    seed: int = 0
    times: int | None = None
    lasts: timedelta | None = None  # None: until it is taken away


@dataclass(frozen=True, kw_only=True)
class NewTemplate:
    """A template, or a new version of one."""

    name: str
    content: str
    version_name: str = ""
    resource_group_id: str | None = None  # None: as it is
    tags: Mapping[str, str] | None = None  # None: as they are
    by: str  # who asks
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class TemplateText:
    """Which template is meant: a stored one, or a text."""

    name: str = ""
    version: str = ""  # v3; empty: the newest
    content: str = ""


@dataclass(frozen=True, kw_only=True)
class NewExecution:
    template: TemplateText
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = Mode.AUTOMATIC
    loop_mode: str = "Automatic"
    safety_check: SafetyCheck = SafetyCheck.CONFIRM
    description: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    parent_id: ExecutionId | None = None
    by: str  # the access key of who asks
    account_id: str
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody tells a waiting execution."""

    execution_id: ExecutionId
    type: str  # Approve, Reject, RetryTask, SkipTask
    by: str
    note: str = ""
    task_ids: Sequence[str] = ()  # which tasks are meant; by id,
    task_name: str = ""  # by name,
    loop_item: str = ""  # or by item; none: all that wait
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class NewStoredParameter:
    name: str
    type: Type
    value: str
    description: str = ""
    constraints: str = ""
    key_id: str = ""
    dkms_instance_id: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    by: str  # who asks
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class NewStoredVersion:
    """A new value of a parameter. What is None stays as it is."""

    name: str
    secret: bool
    value: str
    description: str | None = None
    resource_group_id: str | None = None
    tags: Mapping[str, str] | None = None
    by: str  # who asks
    once: Once | None = None


@dataclass(frozen=True, kw_only=True)
class StoredParameterFilter:
    """All given ones must match; None and empty mean any."""

    secret: bool
    name: str = ""  # a part of it
    path: str | None = None  # of the folder that it is in,
    recursive: bool = False  # or of one around that
    type: str = ""
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    sort_field: str = "CreatedDate"  # Name
    ascending: bool = False


@dataclass(frozen=True, kw_only=True)
class TemplateFilter:
    """All given ones must match; None and empty mean any."""

    name: str = ""  # a part of it
    public: bool | None = None  # those that came with Cloudhand, or those that did not
    created_by: str = ""
    format: str = ""
    categories: frozenset[str] = frozenset()  # of triggers; an empty text: without one
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None
    sort_field: str = "TotalExecutionCount"
    ascending: bool = False


@dataclass(frozen=True, kw_only=True)
class ExecutionFilter:
    """All given ones must match; None and empty mean any. Children only where asked for."""

    execution_id: str = ""
    parent_id: str = ""  # all that were started for it
    with_children: bool = False
    first_level: bool = False  # children only, and of these only those of roots
    account_id: str = ""
    states: frozenset[str] = frozenset()
    template_name: str = ""  # a part of it
    mode: str = ""
    ram_role: str = ""
    executed_by: str = ""
    description: str = ""
    resource_group_id: str = ""
    resource_id: str = ""  # stands among the parameters, or a loop goes over it
    categories: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    started_from: datetime | None = None
    started_until: datetime | None = None
    ended_from: datetime | None = None
    ended_until: datetime | None = None
    sort_field: str = "StartDate"  # EndDate, Status
    ascending: bool = False


@dataclass(frozen=True, kw_only=True)
class TaskFilter:
    """All given ones must match; None and empty mean any. Loop items only where asked for."""

    execution_id: str = ""
    task_id: str = ""
    parent_id: str = ""  # the items of this looped task
    with_items: bool = False
    name: str = ""
    action: str = ""
    states: frozenset[str] = frozenset()
    started_from: datetime | None = None
    started_until: datetime | None = None
    ended_from: datetime | None = None
    ended_until: datetime | None = None
    sort_field: str = "StartDate"
    ascending: bool = False
