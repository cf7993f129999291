"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.operation import Operation
from cloudhand.api.vpc.describe_v_switches import describe_v_switches
from cloudhand.api.vpc.describe_vpcs import describe_vpcs

OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation for operation in (describe_v_switches, describe_vpcs)
}
