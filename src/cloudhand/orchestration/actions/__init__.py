"""The actions, in the order of their names."""

from __future__ import annotations

from cloudhand.orchestration.action import Action
from cloudhand.orchestration.actions.alarm_trigger import alarm_trigger
from cloudhand.orchestration.actions.approve import approve
from cloudhand.orchestration.actions.check_for import check_for
from cloudhand.orchestration.actions.choice import choice
from cloudhand.orchestration.actions.event_trigger import event_trigger
from cloudhand.orchestration.actions.execute_api import execute_api
from cloudhand.orchestration.actions.notify import notify
from cloudhand.orchestration.actions.pause import pause
from cloudhand.orchestration.actions.select_targets import select_targets
from cloudhand.orchestration.actions.sleep import sleep
from cloudhand.orchestration.actions.template import template
from cloudhand.orchestration.actions.timer_trigger import timer_trigger
from cloudhand.orchestration.actions.wait_for import wait_for

ACTIONS: dict[str, Action] = {
    one.spec.name: one
    for one in (
        alarm_trigger,
        approve,
        check_for,
        choice,
        event_trigger,
        execute_api,
        notify,
        pause,
        select_targets,
        sleep,
        template,
        timer_trigger,
        wait_for,
    )
}
