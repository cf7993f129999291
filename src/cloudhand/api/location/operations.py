"""The operations that are here, in the order of their names."""

from __future__ import annotations

from collections.abc import Mapping

from cloudhand.api.location.describe_endpoints import describe_endpoints
from cloudhand.api.operation import Operation

OPERATIONS: Mapping[str, Operation] = {describe_endpoints.name: describe_endpoints}
