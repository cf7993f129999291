"""What the operations that start, stop and restart instances have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from cloudhand.api.ecs import errors, fields
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.operation import Errors
from cloudhand.api.refusal import Refused, WireError, unsupported
from cloudhand.core import ids
from cloudhand.core.errors import IncorrectState, InstanceNotFound, RestartLimit
from cloudhand.core.ids import InstanceId
from cloudhand.core.instance import shown
from cloudhand.core.orders import Changed

NO_FORCE = unsupported("force on a managed instance", "its agent asks the machine politely")
NO_HIBERNATION = unsupported("Hibernate", "instances keep no memory over a stop")

REFUSALS: Errors = {
    InstanceNotFound: errors.NO_SUCH_INSTANCE,
    IncorrectState: errors.WRONG_STATUS,
}
RESTART_REFUSALS: Errors = {**REFUSALS, RestartLimit: errors.LOOPING}


class InstanceResponse(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: str
    code: str  # an HTTP status or an error code, as text
    message: str
    previous_status: str
    current_status: str


class InstanceResponses(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_response: Sequence[InstanceResponse]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_responses: InstanceResponses


def batch() -> Any:
    """AllTogether: one bad instance fails the call. SuccessFirst: each on its own."""
    return fields.choice(
        "BatchOptimization", ("AllTogether", "SuccessFirst"), default="AllTogether"
    )


def together(batch_optimization: str) -> bool:
    return batch_optimization == "AllTogether"


def told(changes: Sequence[Changed], *, dry_run: bool) -> Result:
    if dry_run:
        raise Refused(errors.DRY_RUN_MANY)
    responses = [_response(change) for change in changes]
    return Result(instance_responses=InstanceResponses(instance_response=responses))


def check_force(instance_ids: Sequence[InstanceId], *, force: bool) -> None:
    """Nobody can cut the power of a machine of one's own."""
    if force and any(map(ids.managed, instance_ids)):
        raise Refused(NO_FORCE)


def done_alone(*, dry_run: bool) -> Done:
    """The end of an operation on one instance; a dry run that passes is an error here."""
    if dry_run:
        raise Refused(errors.DRY_RUN)
    return Done()


def stopped_mode() -> Any:
    return fields.choice(
        "StoppedMode",
        ("KeepCharging", "StopCharging"),
        note="without effect: nothing is charged here",
    )


def _response(change: Changed) -> InstanceResponse:
    if change.error is not None:
        error = RESTART_REFUSALS[type(change.error)]
        assert isinstance(error, WireError)
        return InstanceResponse(
            instance_id=change.instance_id,
            code=error.code,
            message=Refused(error, because=str(change.error)).message,
            previous_status="",
            current_status="",
        )
    return InstanceResponse(
        instance_id=change.instance_id,
        code="200",
        message="success",
        previous_status=shown(change.before) if change.before else "",
        current_status=shown(change.after) if change.after else "",
    )
