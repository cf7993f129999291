"""How machines are called where people read it."""

from __future__ import annotations

from collections.abc import Mapping

Names = Mapping[str, str]  # of instances, by their ids


def called(instance_id: str, names: Names) -> str:
    """By its name as well, if it has one."""
    name = names.get(instance_id, "")
    return instance_id if name in ("", instance_id) else f"{name} {instance_id}"
