"""ACS::AlarmTrigger: start what follows for each alarm that TriggerExecution brings.

There is no source of alarms here: what describes them is kept, and whoever triggers it decides. It
can only be the first task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudhand.orchestration import triggered
from cloudhand.orchestration.action import Outcome, Task, action, prop


@dataclass(frozen=True, kw_only=True)
class Properties:
    namespace: Any = prop("Namespace", default=None)
    metric_name: Any = prop("MetricName", default=None)
    statistics: Any = prop("Statistics", default=None)
    comparison_operator: Any = prop("ComparisonOperator", default=None)
    threshold: Any = prop("Threshold", default=None)
    resources: Any = prop("Resources", default=None)
    times: Any = prop("Times", default=None)
    silence_time: Any = prop("SilenceTime", default=None)
    period: Any = prop("Period", default=None)
    interval: Any = prop("Interval", default=None)
    effective_interval: Any = prop("EffectiveInterval", default=None)
    tags: Any = prop("Tags", default=None)
    output_transformer: Any = prop("OutputTransformer", default=None)


@action("ACS::AlarmTrigger", loops=False, gives=triggered.GIVES)
async def alarm_trigger(task: Task, properties: Properties) -> Outcome:
    return triggered.look(task)
