"""A rehearsal as it is written: what a template is given, what it meets, what is expected.

A task is named by its name, an item of a loop by the task and the item: ``runCommand[i-1]``. What
is said of a task holds for its items of which nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.core.execution import Mode, SafetyCheck
from cloudhand.orchestration import durations, values
from cloudhand.orchestration.document import read
from cloudhand.orchestration.rate_control import Pause
from cloudhand.orchestration.spelling import hint

_KEYS = ("template", "given", "stored", "secrets", "mode", "loopMode", "safetyCheck", "script",
         "say", "expect")  # fmt: skip
_STEP = ("answers", "refuses", "fails", "cancels", "takes")
_WORD = ("at", "word", "by", "task", "item", "note", "content")
_WORDS = ("Approve", "Reject", "RetryTask", "SkipTask", "Cancel", "Trigger")
_EXPECT = ("execution", "message", "ran", "states", "outputs", "took", "received", "waits")


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one attempt at a task meets."""

    answers: Any = None  # what outputs are selected from
    refuses: Mapping[str, Any] | None = None  # the body of an error
    fails: str = ""  # a code
    cancels: str = ""  # why
    takes: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True)
class Said:
    """What somebody tells the execution, a while after its start."""

    at: timedelta
    word: str  # one of _WORDS
    by: str = ""  # who says it
    task: str = ""
    item: str = ""
    note: str = ""
    content: Any = None  # of a trigger


@dataclass(frozen=True, kw_only=True)
class Script:
    template: str = ""  # a path, from the rehearsal's own place
    given: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Any] = field(default_factory=dict)  # what the parameter store has
    secrets: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "Automatic"
    loop_mode: str = "Automatic"
    safety_check: str = "ConfirmEveryHighRiskAction"
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict)  # by task, in lower case
    said: Sequence[Said] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)

    def step(self, task: str, item: Any, attempt: int) -> Step | None:
        """What an attempt meets; the last one is met by all later ones, too."""
        for name in (f"{task}[{values.text(item)}]", task):
            found = self.steps.get(name.lower())
            if found:
                return found[min(attempt, len(found)) - 1]
        return None

    def strangers(self, tasks: Sequence[str]) -> list[Problem]:
        """What it says of tasks that a template with these does not have."""
        known = {name.lower() for name in tasks}
        named = {f"script.{key}": key.partition("[")[0] for key in self.steps}
        named |= {f"say[{at}].task": one.task for at, one in enumerate(self.said) if one.task}
        return [
            Problem(path=path, text=f"there is no task {name}{hint(name, tasks)}")
            for path, name in named.items()
            if name.lower() not in known
        ]


def parse(text: str) -> Script:
    """TemplateInvalid, with all that is wrong."""
    found = read(text)
    reading = _Reading()
    script = reading.script(found.data)
    if reading.problems:
        raise TemplateInvalid(reading.problems)
    return script


class _Reading:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def script(self, data: Mapping[str, Any]) -> Script:
        self._known("", data, _KEYS)
        steps = self._map("script", data.get("script"))
        said = data.get("say") or []
        expect = self._map("expect", data.get("expect"))
        self._known("expect", expect, _EXPECT)
        return Script(
            template=values.text(data.get("template")),
            given=self._map("given", data.get("given")),
            stored=self._map("stored", data.get("stored")),
            secrets=self._map("secrets", data.get("secrets")),
            mode=self._one_of("mode", data.get("mode"), tuple(Mode)),
            loop_mode=self._one_of("loopMode", data.get("loopMode"), tuple(Pause)),
            safety_check=self._one_of("safetyCheck", data.get("safetyCheck"), tuple(SafetyCheck)),
            steps={name.lower(): self._steps(f"script.{name}", one) for name, one in steps.items()},
            said=[self._said(f"say[{at}]", one) for at, one in enumerate(said)],
            expect=expect,
        )

    def _problem(self, path: str, text: str) -> None:
        self.problems.append(Problem(path=path, text=text))

    def _known(self, path: str, data: Mapping[str, Any], keys: Sequence[str]) -> None:
        for key in data:
            if key not in keys:
                self._problem(f"{path}.{key}".strip("."), f"it is not known here{hint(key, keys)}")

    def _map(self, path: str, value: Any) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self._problem(path, f"it must be a map, not {values.shown(value)}")
            return {}
        return value

    def _one_of(self, path: str, value: Any, known: Sequence[str]) -> str:
        """One of what is known, which is the first of them where nothing is said."""
        told = values.text(value) or known[0]
        if told not in known:
            self._problem(path, f"{told} is none of {', '.join(known)}{hint(told, known)}")
        return told

    def _steps(self, path: str, value: Any) -> list[Step]:
        many = value if isinstance(value, list) else [value]
        return [self._step(path, one) for one in many]

    def _step(self, path: str, value: Any) -> Step:
        data = self._map(path, value)
        self._known(path, data, _STEP)
        return Step(
            answers=data.get("answers"),
            refuses=self._map(f"{path}.refuses", data["refuses"]) if "refuses" in data else None,
            fails=values.text(data.get("fails")),
            cancels=values.text(data.get("cancels")),
            takes=self._span(f"{path}.takes", data.get("takes")),
        )

    def _said(self, path: str, value: Any) -> Said:
        data = self._map(path, value)
        self._known(path, data, _WORD)
        if "word" not in data:
            self._problem(path, "it has no word")
        return Said(
            at=self._span(f"{path}.at", data.get("at")),
            word=self._one_of(f"{path}.word", data.get("word"), _WORDS),
            by=values.text(data.get("by")),
            task=values.text(data.get("task")),
            item=values.text(data.get("item")),
            note=values.text(data.get("note")),
            content=data.get("content"),
        )

    def _span(self, path: str, value: Any) -> timedelta:
        try:
            return durations.parse(values.text(value)) if value is not None else timedelta()
        except ValueError as error:
            self._problem(path, str(error))
            return timedelta()
