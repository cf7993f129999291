"""What the operations about activations and machines from outside declare alike."""

from __future__ import annotations

from typing import Any

from cloudhand.api.bind import Limit, form, text
from cloudhand.api.refusal import WireError

PREFIX_LENGTH = WireError(
    code="InstanceName.ExceedLimit",
    status=400,
    message="InstanceName is not of 2 to 50 characters.",
)
NAME_LENGTH = WireError(
    code="InstanceName.ExceedLimit",
    status=400,
    message="InstanceName is not of 2 to 128 characters.",
)
BAD_NAME = WireError(
    code="InstanceName.InvalidPattern",
    status=400,
    message="InstanceName starts with a letter and has letters, digits and . _ - : only.",
)
DESCRIPTION_TOO_LONG = WireError(
    code="ActivationDesc.ExceedLimit",
    status=400,
    message="Description is longer than 100 characters.",
)
BAD_COUNT = WireError(
    code="ActivationLimitation.Invalid", status=400, message="InstanceCount is not from 1 to 1000."
)
BAD_TTL = WireError(
    code="ActivationTTL.ExceedLimit", status=400, message="TimeToLiveInHours is not from 1 to 4."
)
BAD_RANGE = WireError(
    code="AddressRange.InvalidPattern",
    status=400,
    message="IpAddressRange is no address and no network.",
)
TOO_MANY_ACTIVATIONS = WireError(
    code="ActivationCount.ExceedLimit",
    status=400,
    message="This control plane keeps no more activations, or no more until half of them are used.",
)
NO_SUCH_ACTIVATION = WireError(
    code="ActivationId.NotFound", status=404, message="The specified ActivationId does not exist."
)
IN_USE = WireError(
    code="ActivationId.InUse",
    status=403,
    message="Machines are registered with the activation; deregister them first.",
)


def activation_id() -> Any:
    return text("ActivationId", required=True)


def name(longest: int, wrong_length: WireError, *, required: bool = False) -> Any:
    """A name of machines from outside, or what their names begin with."""
    return text(
        "InstanceName",
        Limit(fits=lambda name: 2 <= len(name) <= longest, error=wrong_length),
        form(r"[A-Za-z][A-Za-z0-9._:-]*", BAD_NAME),
        required=required,
        note="" if required else "prefix of the names of machines that give none",
    )
