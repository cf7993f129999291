"""What the operations about tags and resource groups declare alike."""

from __future__ import annotations

from typing import Any

from cloudhand.api.bind import one_of, text
from cloudhand.api.oos import errors, fields
from cloudhand.api.operation import Errors
from cloudhand.api.refusal import invalid
from cloudhand.core.errors import ExecutionNotFound, StoredParameterNotFound, TemplateNotFound
from cloudhand.core.label import Labelled

_KINDS = tuple(kind.value for kind in Labelled)
_LISTING = f"one of {', '.join(_KINDS)}"
RESOURCE_LIMIT = 50  # that are named at once

MISSING: Errors = {
    TemplateNotFound: errors.NO_SUCH_TEMPLATE,
    ExecutionNotFound: errors.NO_SUCH_EXECUTION,
    StoredParameterNotFound: errors.NO_SUCH_PARAMETER,
}


def resource_type(*, required: bool = False) -> Any:
    return text(
        "ResourceType",
        one_of(_KINDS, invalid("ResourceType", f"must be {_LISTING}")),
        required=required,
        note=_LISTING,
    )


def resource_ids(*, required: bool = False) -> Any:
    """Names of templates and parameters, ids of executions."""
    return fields.json_list("ResourceIds", at_most=RESOURCE_LIMIT, required=required)


def kinds(resource_type: str) -> tuple[Labelled, ...]:
    """All kinds where none is named."""
    return (Labelled(resource_type),) if resource_type else tuple(Labelled)
