"""How explanations are answered, by whichever product."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudhand.core.explanation import Explanation
from cloudhand.wire import times


class FactShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    text: str  # a sentence without its full stop
    time: str


class ExplanationShape(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    kind: str  # Invocation, Target, FileTarget, PowerAction, Instance, Execution, Task
    id: str
    instance_id: str
    name: str
    status: str
    cause: str  # what it waits for, in one word; Ended, Nothing
    because: str  # the same as a clause
    owner: str  # whose move is next
    since_time: str
    until_time: str  # empty: nothing happens by itself
    then: str  # what happens at that time at the latest: a clause
    facts: Sequence[FactShape]
    depth: int  # a part of the last one with a smaller depth


class Result(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    explanations: Sequence[ExplanationShape]  # the thing itself is the first


def result(found: Sequence[Explanation]) -> Result:
    return Result(explanations=[_shape(one) for one in found])


def _shape(one: Explanation) -> ExplanationShape:
    return ExplanationShape(
        kind=one.kind.value,
        id=one.id,
        instance_id=one.instance_id or "",
        name=one.name,
        status=one.state,
        cause=one.cause.value,
        because=one.because,
        owner=one.owner.value,
        since_time=times.second(one.since),
        until_time=times.second(one.until),
        then=one.then,
        facts=[FactShape(text=fact.text, time=times.second(fact.at)) for fact in one.facts],
        depth=one.depth,
    )
