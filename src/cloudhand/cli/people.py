"""How machines are called where people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudhand.cli.follow import Result

Names = Mapping[str, str]  # of instances, by their ids


def in_order(results: Sequence[Result], names: Names) -> list[Result]:
    """As the machines are listed, whose names come in their order; others last."""
    place = {instance_id: at for at, instance_id in enumerate(names)}
    return sorted(results, key=lambda result: place.get(result.instance_id, len(place)))


def called(instance_id: str, names: Names) -> str:
    """By its name as well, if it has one."""
    name = names.get(instance_id, "")
    return instance_id if name in ("", instance_id) else f"{name} {instance_id}"
