"""What the operations that release instances have in common."""

from __future__ import annotations

from collections.abc import Sequence

from cloudhand.api.ecs import errors
from cloudhand.api.operation import Call, Errors
from cloudhand.api.refusal import Refused, unsupported
from cloudhand.core.errors import DeletionProtected, IncorrectState, InstanceNotFound
from cloudhand.core.ids import InstanceId
from cloudhand.core.orders import Once

REFUSALS: Errors = {
    InstanceNotFound: errors.NO_SUCH_INSTANCE,
    IncorrectState: errors.of_deletion,
    DeletionProtected: errors.PROTECTED,
}
NO_GENTLE_END = unsupported(
    "ForceStop=false", "a running instance that is released loses its power; stop it before"
)
DECLARED = (errors.WRONG_STATUS, errors.INITIALIZING, NO_GENTLE_END)


async def release(
    call: Call,
    instance_ids: Sequence[InstanceId],
    *,
    force: bool,
    force_stop: bool,
    dry_run: bool,
    once: Once | None = None,
) -> None:
    if force and not force_stop:
        raise Refused(NO_GENTLE_END)
    await call.control.instances.release(instance_ids, force=force, once=once, dry_run=dry_run)
