"""GetTemplateParameterConstraints: what the parameters of a template must be.

Values that are given are held against it, any of which may be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudhand.api.bind import text
from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.api.refusal import Refused
from cloudhand.core.errors import ParametersInvalid, TemplateInvalid, TemplateNotFound
from cloudhand.core.orders import TemplateText
from cloudhand.orchestration.parameters import Declared


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = text("TemplateName")
    template_version: str = fields.template_version()
    template_content: str = text("TemplateContent")
    template_url: str = fields.template_url()
    parameters: dict[str, Any] | None = fields.json_object("Parameters", errors.BAD_JSON_PARAMETERS)


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    parameter_constraints: Mapping[str, Any]


@operation(
    OOS,
    access="read",
    errors={
        TemplateNotFound: errors.NO_SUCH_TEMPLATE,
        TemplateInvalid: errors.BAD_TEMPLATE,
        ParametersInvalid: errors.BAD_PARAMETERS,
    },
    refuses=(errors.NO_TEMPLATE, errors.NO_URLS),
)
async def get_template_parameter_constraints(call: Call, params: Params) -> Result:
    if params.template_url:
        raise Refused(errors.NO_URLS)
    if not params.template_name and not params.template_content:
        raise Refused(errors.NO_TEMPLATE)
    wanted = TemplateText(
        name=params.template_name,
        version=params.template_version,
        content=params.template_content,
    )
    declared = await call.control.templates.declared(wanted, params.parameters or {})
    return Result(parameter_constraints={one.name: _constraints(one) for one in declared})


def _constraints(one: Declared) -> dict[str, Any]:
    """Those that bind, as templates spell them."""
    (shortest, longest), (least, most) = one.length, one.bounds
    found = {
        "Type": one.type.value,
        "AllowedValues": list(one.allowed_values) if one.allowed_values is not None else None,
        "AllowedPattern": one.allowed_pattern or None,
        "MinLength": shortest,
        "MaxLength": longest,
        "MinValue": least,
        "MaxValue": most,
        "ConstraintDescription": one.constraint,
    }
    return {name: value for name, value in found.items() if value is not None}
