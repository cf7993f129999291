"""How machines are called where people read it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from cloudhand.cli.errors import Mistake
from cloudhand.cli.follow import Result

Names = Mapping[str, str]  # of instances, by their ids

_ID = re.compile(r"\bm?i-[a-z0-9]+\b")


def in_order(results: Sequence[Result], names: Names) -> list[Result]:
    """As the machines are listed, whose names come in their order; others last."""
    place = {instance_id: at for at, instance_id in enumerate(names)}
    return sorted(results, key=lambda result: place.get(result.instance_id, len(place)))


def brief(names: Names) -> Names:
    """How to call each where there is little room: by a name that no other has, else by its id."""
    counts = Counter(names.values())
    return {one: name if name and counts[name] == 1 else one for one, name in names.items()}


def called(instance_id: str, names: Names) -> str:
    """By its name as well, if it has one."""
    name = names.get(instance_id, "")
    return instance_id if name in ("", instance_id) else f"{name} {instance_id}"


def id_of(name: str, names: Names) -> str:
    """Of the machine of that name. What is no name is taken for an id, also of one that is gone."""
    found = [one for one, its in names.items() if name in (one, its)]
    if len(found) > 1:
        raise Mistake(f"{name} is the name of {len(found)} machines: {', '.join(found)}")
    return found[0] if found else name


def with_names(text: str, names: Names) -> str:
    """A sentence of the control plane, which knows machines by their ids."""
    short = brief(names)
    return _ID.sub(lambda found: short.get(found[0], found[0]), text)
