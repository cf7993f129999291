"""Parameters of the operations on tags and groups, which name things of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudhand.api.bind import many, one_of, text
from cloudhand.api.ecs import errors
from cloudhand.api.refusal import Refused
from cloudhand.core.tag import Kind

# Known to the real service, and to nobody here: there is none of them.
ELSEWHERE = (
    "disk", "snapshot", "image", "securitygroup", "volume", "eni", "ddh", "ddhcluster", "keypair",
    "launchtemplate", "reservedinstance", "snapshotpolicy", "elasticityassurance",
    "capacityreservation",
)  # fmt: skip


def resource_type(kinds: Sequence[Kind] = tuple(Kind)) -> Any:
    return text(
        "ResourceType",
        one_of((*kinds, *ELSEWHERE), errors.NO_SUCH_RESOURCE_TYPE),
        required=True,
        absent=errors.NO_RESOURCE_TYPE,
        note=f"{', '.join(kinds)}; of the other types of the real service there is nothing here",
    )


def resource_ids(*, required: bool = True) -> Any:
    return many(
        "ResourceId",
        at_most=50,
        too_many=errors.TOO_MANY_RESOURCES,
        required=required,
        absent=errors.NO_RESOURCE_IDS,
    )


def kind(named: str) -> Kind | None:
    """None: there is nothing of this type here."""
    return None if named in ELSEWHERE else Kind(named)


def needed(named: str) -> Kind:
    found = kind(named)
    if found is None:
        raise Refused(errors.NO_SUCH_RESOURCE, because=f"there is no {named} here")
    return found
