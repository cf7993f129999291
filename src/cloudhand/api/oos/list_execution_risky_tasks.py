"""ListExecutionRiskyTasks: the tasks of a template that somebody must confirm when they run.

Those of embedded templates are among them. What a template makes up when it runs is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cloudhand.api.oos import errors, fields
from cloudhand.api.oos.product import OOS
from cloudhand.api.operation import Call, operation
from cloudhand.control.risky_tasks import risky_tasks
from cloudhand.core.errors import TemplateInvalid, TemplateNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    region_id: str = fields.region()
    template_name: str = fields.template_meant()


class RiskyTaskShape(msgspec.Struct, frozen=True, kw_only=True):
    service: str = msgspec.field(name="Service")
    api: str = msgspec.field(name="API")
    task: Sequence[str] = msgspec.field(name="Task")  # from the outermost one
    template: Sequence[str] = msgspec.field(name="Template")


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    risky_tasks: Sequence[RiskyTaskShape]


@operation(
    OOS,
    access="read",
    errors={TemplateNotFound: errors.NO_SUCH_TEMPLATE, TemplateInvalid: errors.BAD_TEMPLATE},
)
async def list_execution_risky_tasks(call: Call, params: Params) -> Result:
    found = await risky_tasks(call.control.templates, params.template_name)
    return Result(
        risky_tasks=[
            RiskyTaskShape(service=one.service, api=one.api, task=one.tasks, template=one.templates)
            for one in found
        ]
    )
