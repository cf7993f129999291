"""What the control plane refuses. Refusals carry values; the wire's words are not theirs."""

from __future__ import annotations

from collections.abc import Sequence

from cloudhand.core.ids import ActivationId, InstanceId, InvokeId


class CloudhandError(Exception):
    """A refusal that a caller can act upon."""


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


class IncorrectState(CloudhandError):
    """The instance is in a state in which this cannot be asked of it."""

    def __init__(self, instance_id: InstanceId, state: str, wanted: str) -> None:
        super().__init__(f"cannot {wanted} {instance_id}: it is {state}")
        self.instance_id = instance_id
        self.state = state
        self.wanted = wanted


class CommandNotApplicable(CloudhandError):
    """The type of the command does not fit the operating system of an instance."""

    def __init__(self, instance_id: InstanceId, command_type: str, system: str) -> None:
        super().__init__(f"cannot run {command_type} on {instance_id}: it is a {system} machine")
        self.instance_id = instance_id


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


class TooMany(CloudhandError):
    """A quota is used up."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"cannot have more than {limit} {what}")
        self.what = what
        self.limit = limit


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
