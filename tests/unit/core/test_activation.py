"""Who may join with an activation, and how the machines are numbered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloudhand.core.activation import Activation, numbered_name, refusal
from cloudhand.core.ids import ActivationId, InstanceId

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACTIVATION = Activation(id=ActivationId("A"), code_hash=b"", created_at=NOW, instance_count=2)


@pytest.mark.parametrize(
    ("allowed", "address", "fits"),
    [
        ("", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("192.0.2.7/24", "192.0.2.8", True),
        ("192.0.2.0/24", "::ffff:192.0.2.8", True),
        ("192.0.2.0/24", "::ffff:192.0.3.8", False),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("2001:db8::1", "2001:DB8:0::1", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("0.0.0.0/0", "", False),
    ],
)
def test_an_activation_is_for_some_addresses(allowed: str, address: str, fits: bool) -> None:
    activation = replace(ACTIVATION, ip_address_range=allowed)
    assert (refusal(activation, now=NOW, address=address) is None) is fits


@pytest.mark.parametrize(
    ("activation", "why"),
    [
        (replace(ACTIVATION, disabled=True), "the activation is disabled"),
        (replace(ACTIVATION, registered_count=2), "the activation is used up"),
        (
            replace(ACTIVATION, created_at=NOW - timedelta(hours=4)),
            "the activation has expired",
        ),
        (replace(ACTIVATION, created_at=NOW - timedelta(hours=4, seconds=-1)), None),
        (replace(ACTIVATION, registered_count=1), None),
        (replace(ACTIVATION, disabled=True, instance_id=InstanceId("i-1")), None),
    ],
)
def test_an_activation_can_be_used_or_says_why_not(activation: Activation, why: str | None) -> None:
    assert refusal(activation, now=NOW, address="192.0.2.7") == why


@pytest.mark.parametrize(
    ("count", "registered", "name"),
    [(10, 0, "db-001"), (999, 98, "db-099"), (1000, 41, "db-0042")],
)
def test_numbers_are_as_wide_as_the_largest(count: int, registered: int, name: str) -> None:
    activation = replace(
        ACTIVATION, instance_name="db", instance_count=count, registered_count=registered
    )
    assert numbered_name(activation) == name
