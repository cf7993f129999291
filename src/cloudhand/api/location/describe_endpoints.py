"""DescribeEndpoints: where a product is served: here, at the address that the caller has used.

SDKs ask this before their first request, where nobody has told them an endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.bind import Limit, text
from cloudhand.api.location.product import LOCATION
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused, WireError

_SERVED = ("ecs", "location", "oos", "ram", "sts", "vpc")
_TYPE = "openAPI"

# Clients know these two by their words, and then look elsewhere.
NO_SUCH_REGION = WireError(
    code="InvalidRegionId", status=404, message="The specified region does not exist."
)
NO_SUCH_SERVICE = WireError(
    code="Illegal Parameter", status=400, message="Please check the parameters"
)


@dataclass(frozen=True, kw_only=True)
class Params:
    id: str = text("Id", required=True, note="a region")
    service_code: str = text(
        "ServiceCode",
        Limit(fits=lambda code: code.lower() in _SERVED, error=NO_SUCH_SERVICE),
        required=True,
        note=f"one of {', '.join(_SERVED)}",
    )
    type: str = text("Type", default=_TYPE, note="of any but openAPI there are no endpoints")


class Protocols(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    protocols: Sequence[str]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    endpoint: str
    id: str
    namespace: str = ""
    # Compat: the real service spells it so, and older clients read nothing else.
    serivce_code: str
    service_code: str
    type: str
    protocols: Protocols


class Endpoints(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    endpoint: Sequence[Endpoint]


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    endpoints: Endpoints
    success: bool = True


@operation(LOCATION, access="read", refuses=(NO_SUCH_REGION,))
async def describe_endpoints(call: Call, params: Params) -> Result:
    if params.id != call.control.settings.region_id:
        raise Refused(NO_SUCH_REGION)
    if params.type != _TYPE:
        return Result(endpoints=Endpoints(endpoint=[]))
    secure = call.context.get("acs:securetransport") == "true"
    here = Endpoint(
        endpoint=call.host,
        id=params.id,
        serivce_code=params.service_code,
        service_code=params.service_code,
        type=params.type,
        protocols=Protocols(protocols=["HTTPS" if secure else "HTTP"]),
    )
    return Result(endpoints=Endpoints(endpoint=[here]))
