"""Parameters that the operations on the governor declare alike."""

from __future__ import annotations

from typing import Any

from cloudhand.api.bind import form, text
from cloudhand.api.ecs import errors


def group_name(*, required: bool = True, note: str = "") -> Any:
    """As FleetLock spells those of groups, and with _."""
    limit = form(r"[A-Za-z0-9._-]{1,64}", errors.BAD_GROUP_NAME)
    return text("GroupName", limit, required=required, note=note)
