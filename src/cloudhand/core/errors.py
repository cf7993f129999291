"""What the control plane refuses. Refusals carry values; the wire's words are not theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudhand.core.ids import (
    ActivationId,
    CommandId,
    ExecutionId,
    FaultId,
    InstanceId,
    InvokeId,
    SessionId,
)


class CloudhandError(Exception):
    """A refusal that a caller can act upon."""


class FaultNotFound(CloudhandError):
    def __init__(self, fault_id: FaultId) -> None:
        super().__init__(f"cannot find fault {fault_id}")


class ChannelNotFound(CloudhandError):
    """There is no notification channel of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot find notification channel {name}")


class SessionNotFound(CloudhandError):
    """There is no such session, it has ended, or somebody else knows its token."""

    def __init__(self, session_id: SessionId) -> None:
        super().__init__(f"cannot find session {session_id}")


class SessionsDisabled(CloudhandError):
    """The account has switched terminal sessions off."""

    def __init__(self) -> None:
        super().__init__("cannot start a session: sessions are switched off")


class CommandNotFound(CloudhandError):
    def __init__(self, command_id: CommandId) -> None:
        super().__init__(f"cannot find command {command_id}")
        self.command_id = command_id


class InvocationNotFound(CloudhandError):
    def __init__(self, invoke_id: InvokeId) -> None:
        super().__init__(f"cannot find invocation {invoke_id}")
        self.invoke_id = invoke_id


class InstanceNotFound(CloudhandError):
    """``instance_ids`` is empty where it was tags that named no instance."""

    def __init__(self, instance_ids: Sequence[InstanceId]) -> None:
        super().__init__(f"cannot find {', '.join(instance_ids) or 'any instance'}")
        self.instance_ids = tuple(instance_ids)


class InstanceNotTargeted(CloudhandError):
    """The instance exists but is no target of the invocation."""

    def __init__(self, invoke_id: InvokeId, instance_ids: Sequence[InstanceId]) -> None:
        super().__init__(f"cannot find {', '.join(instance_ids)} in {invoke_id}")
        self.instance_ids = tuple(instance_ids)


class MachineKnown(CloudhandError):
    """A machine of this name is registered, and who asks has not said that it is the same."""

    def __init__(self, machine: str) -> None:
        super().__init__(f"cannot register {machine}: a machine of that name is registered")


class IncorrectState(CloudhandError):
    """The instance is in a state in which this cannot be asked of it."""

    def __init__(self, instance_id: InstanceId, state: str, wanted: str) -> None:
        super().__init__(f"cannot {wanted} {instance_id}: it is {state}")
        self.instance_id = instance_id
        self.state = state
        self.wanted = wanted


class RestartLimit(CloudhandError):
    """The governor lets the machine restart no more for now; ``reason`` is a clause."""

    def __init__(self, instance_id: InstanceId, reason: str) -> None:
        super().__init__(f"cannot restart {instance_id}: {reason}")


class CommandNotApplicable(CloudhandError):
    """The type of the command does not fit the operating system of an instance."""

    def __init__(self, instance_id: InstanceId, command_type: str, system: str) -> None:
        super().__init__(f"cannot run {command_type} on {instance_id}: it is a {system} machine")
        self.instance_id = instance_id


class PasswordMissing(CloudhandError):
    """A command is to run on Windows as somebody else than the agent, who has a password."""

    def __init__(self, username: str) -> None:
        super().__init__(f"cannot run a command as {username}: a password is needed")


class PasswordNotNeeded(CloudhandError):
    """A password is named for a command that runs without one."""

    def __init__(self) -> None:
        super().__init__("cannot use a password: commands of a shell need none")


class ResourceNotFound(CloudhandError):
    """Things of a kind that there are not."""

    def __init__(self, kind: str, ids: Sequence[str]) -> None:
        super().__init__(f"cannot find {kind} {', '.join(ids)}")
        self.kind = kind


class SettingProblem(CloudhandError):
    """A setting cannot be as it is wanted; ``problem`` names what is wrong."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"cannot set this: {problem}")
        self.problem = problem


class PolicyInvalid(CloudhandError):
    """A document is no policy; one phrase that names the place."""


class NotEmpty(CloudhandError):
    """It cannot be deleted before what hangs on it."""

    def __init__(self, thing: str, holds: str) -> None:
        super().__init__(f"cannot delete {thing}: it has {holds}")
        self.holds = holds


class NotTrusted(CloudhandError):
    """A role may not be taken by whoever wants to."""

    def __init__(self, who: str, role: str) -> None:
        super().__init__(f"{who} is not among those whom the role {role} trusts")


class LastKey(CloudhandError):
    """Without it nobody could act for the account any more."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"cannot do without {key_id}: it is the last active key of the owner")


class NotAuthorized(CloudhandError):
    """No policy of somebody allows this, or one denies it."""

    def __init__(self, who: str, action: str, resource: str) -> None:
        super().__init__(f"{who} may not {action} on {resource}")


class DeletionProtected(CloudhandError):
    def __init__(self, instance_id: InstanceId) -> None:
        super().__init__(f"cannot release {instance_id}: it is protected from deletion")
        self.instance_id = instance_id


class TokenReused(CloudhandError):
    """The client token was used before with other parameters."""


class ActivationNotFound(CloudhandError):
    def __init__(self, activation_id: ActivationId) -> None:
        super().__init__(f"cannot find activation {activation_id}")
        self.activation_id = activation_id


class ActivationRefused(CloudhandError):
    """An activation that exists cannot be used; ``reason`` is a phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot register: {reason}")
        self.reason = reason


class TemplateNotFound(CloudhandError):
    def __init__(self, name: str, version: str = "") -> None:
        super().__init__(f"cannot find template {name}" + (f" {version}" if version else ""))


class NameTaken(CloudhandError):
    """Something of this name is there already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"cannot make {name}: the name is taken")


class StoredParameterNotFound(CloudhandError):
    def __init__(self, name: str, version: int | None = None) -> None:
        super().__init__(f"cannot find parameter {name}" + (f" v{version}" if version else ""))


class ConstraintsInvalid(CloudhandError):
    """The constraints of a stored parameter cannot be understood; ``reason`` is a phrase."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot use the constraints: {reason}")


class ValueInvalid(CloudhandError):
    """A value breaks a constraint of its stored parameter; ``reason`` does not tell the value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"cannot keep the value of {name}: {reason}")


class ExecutionNotFound(CloudhandError):
    def __init__(self, execution_id: ExecutionId) -> None:
        super().__init__(f"cannot find execution {execution_id}")


class TaskNotFound(CloudhandError):
    """No task of the execution waits for what it was told."""

    def __init__(self, execution_id: ExecutionId, told: str) -> None:
        super().__init__(f"cannot {told} in {execution_id}: no task waits for that")


class CannotFinish(CloudhandError):
    """It has ended, or cannot end as it is wanted to; ``why`` is a clause."""

    def __init__(self, thing: str, why: str) -> None:
        super().__init__(f"cannot finish {thing}: {why}")


class ExecutionEnded(CloudhandError):
    """It has ended, or goes on, and cannot be asked this."""

    def __init__(self, execution_id: ExecutionId, wanted: str, state: str) -> None:
        super().__init__(f"cannot {wanted} {execution_id}: it is {state}")


class TooMany(CloudhandError):
    """A quota is used up."""

    def __init__(self, what: str, limit: int, *, since: str = "") -> None:
        """``since``: from when on they are counted, where not for ever."""
        super().__init__(f"the limit is {limit} {what}{f' since {since}' if since else ''}")
        self.what = what
        self.limit = limit


class FrequencyProblem(CloudhandError):
    """A frequency cannot be read or followed; the text says why."""


class NotRepeating(CloudhandError):
    """An invocation runs once, so that there is nothing left of it to change."""

    def __init__(self, invoke_id: InvokeId) -> None:
        super().__init__(f"cannot change {invoke_id}: it runs once")


class InvocationEnded(CloudhandError):
    """An invocation runs no more."""

    def __init__(self, invoke_id: InvokeId) -> None:
        super().__init__(f"cannot change {invoke_id}: it runs no more")


class ParameterProblem(CloudhandError):
    """The custom parameters of a command are wrong; ``kind`` says in which way."""

    def __init__(self, kind: str, name: str = "") -> None:
        super().__init__(f"cannot use parameter {name!r}: {kind}")
        self.kind = kind
        self.name = name


class BadCursor(CloudhandError):
    """The text is no cursor that was given out with a page."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"cannot go on from {cursor!r}")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a template, or with what it is given."""

    path: str  # Tasks[2].Loop.Items; empty: the text as a whole
    text: str
    line: int | None = None  # of the text, from 1

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.text}" + (f" (line {self.line})" if self.line else "")


class TemplateInvalid(CloudhandError):
    """The text of a template cannot be executed; all that is wrong with it is told at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class ParametersInvalid(CloudhandError):
    """What is given to a template does not fit what it declares; all that is wrong at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
