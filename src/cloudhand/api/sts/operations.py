"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.operation import Operation
from cloudhand.api.sts.assume_role import assume_role
from cloudhand.api.sts.get_caller_identity import get_caller_identity

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation for operation in (assume_role, get_caller_identity)
}
