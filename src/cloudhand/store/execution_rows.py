"""How an execution is written as a row, and read again."""

from __future__ import annotations

import json

from cloudhand.core.execution import (
    Cancel,
    Execution,
    Hidden,
    Mode,
    SafetyCheck,
    State,
    TemplateRef,
)
from cloudhand.core.task import Wait
from cloudhand.store.database import Row
from cloudhand.store.envelope import Envelope
from cloudhand.store.rows import from_ms, moment, to_json, to_ms
from cloudhand.store.sealed import Sealing

COLUMNS = (
    "id, root_id, parent_task_id, state, version, template, template_name, template_hash,"
    " created_at, started_at, ended_at, updated_at, due_at, parameters, outputs, status_message,"
    " waits_for, cancel, mode, safety_check, loop_mode, ram_role, executed_by, account_id,"
    " region_id, description, resource_group_id, tags, triggered, trigger_category, hidden, mark"
)
COUNT = 32


class ExecutionRows:
    """Knows how to seal what is not to be seen."""

    def __init__(self, envelope: Envelope) -> None:
        self._sealing = Sealing(envelope)

    def written(self, one: Execution, column: str) -> str | None:
        """JSON text; sealed where something in it is not to be seen."""
        value = getattr(one, column)
        if value is None:
            return None
        sealed = bool(one.hidden.parameters or one.hidden.outputs)
        return self._sealing.written(value, purpose=f"{one.id} {column}", sealed=sealed)

    def of(self, one: Execution) -> tuple[object, ...]:
        template = one.template
        return (
            one.id,
            one.root_id,
            one.parent_task_id,
            one.state,
            one.version,
            to_json({"version": template.version, "id": template.id}),
            template.name,
            template.hash,
            to_ms(one.created_at),
            to_ms(one.started_at),
            to_ms(one.ended_at),
            to_ms(one.updated_at),
            to_ms(one.due_at),
            self.written(one, "parameters"),
            self.written(one, "outputs"),
            one.status_message,
            one.waits_for,
            one.cancel,
            one.mode,
            one.safety_check,
            one.loop_mode,
            one.ram_role,
            one.executed_by,
            one.account_id,
            one.region_id,
            one.description,
            one.resource_group_id,
            to_json(one.tags),
            None if one.triggered is None else to_json(one.triggered),
            one.trigger_category,
            to_json({name: sorted(found) for name, found in vars(one.hidden).items()}),
            one.mark,
        )

    def read(self, row: Row) -> Execution:
        template, hidden = json.loads(row[5]), json.loads(row[30])
        return Execution(
            id=row[0],
            root_id=row[1],
            parent_task_id=row[2],
            state=State(row[3]),
            version=row[4],
            template=TemplateRef(
                name=row[6], version=template["version"], id=template["id"], hash=row[7]
            ),
            created_at=moment(row[8]),
            started_at=from_ms(row[9]),
            ended_at=from_ms(row[10]),
            updated_at=moment(row[11]),
            due_at=from_ms(row[12]),
            parameters=self._sealing.read(row[13], purpose=f"{row[0]} parameters"),
            outputs=None
            if row[14] is None
            else self._sealing.read(row[14], purpose=f"{row[0]} outputs"),
            status_message=row[15],
            waits_for=Wait(row[16]),
            cancel=Cancel(row[17]),
            mode=Mode(row[18]),
            safety_check=SafetyCheck(row[19]),
            loop_mode=row[20],
            ram_role=row[21],
            executed_by=row[22],
            account_id=row[23],
            region_id=row[24],
            description=row[25],
            resource_group_id=row[26],
            tags=json.loads(row[27]),
            triggered=None if row[28] is None else json.loads(row[28]),
            trigger_category=row[29],
            hidden=Hidden(**{name: frozenset(found) for name, found in hidden.items()}),
            mark=row[31],
        )
