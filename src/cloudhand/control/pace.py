"""How often something may happen for each of many: so often at once, and then so often a second."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta

_KEPT = 10_000  # of which it is known that they asked lately
_STRANGERS_AT_ONCE, _STRANGERS_PER_SECOND = 1000, 100  # refusals of one address
_NETWORK = 64  # bits of an IPv6 address that are all one subscriber's


class Pace:
    def __init__(self, *, at_once: int, per_second: int) -> None:
        self._at_once = timedelta(seconds=at_once / per_second)
        self._one = timedelta(seconds=1 / per_second)
        self._full_at: dict[str, datetime] = {}  # when each may ask ``at_once`` times again

    def clock_set(self, by: timedelta) -> None:
        self._full_at = {key: moment + by for key, moment in self._full_at.items()}

    def allows(self, key: str, now: datetime) -> bool:
        """Whether ``key`` may once more; only then it counts."""
        full_at = max(self._full_at.get(key, now), now) + self._one
        if full_at - now > self._at_once:
            return False
        self._full_at.pop(key, None)  # so that who asked last stands last
        self._full_at[key] = full_at
        if len(self._full_at) > _KEPT:
            self._forget(now)
        return True

    def _forget(self, now: datetime) -> None:
        """Who may ask as often as anybody; or else the half that has not asked for longest."""
        kept = {key: at for key, at in self._full_at.items() if at > now}
        if len(kept) > _KEPT:
            kept = dict(list(kept.items())[_KEPT // 2 :])
        self._full_at = kept


class Strangers:
    """How often we refuse somebody of an address whom we do not know, in so many words."""

    def __init__(self) -> None:
        self._pace = Pace(at_once=_STRANGERS_AT_ONCE, per_second=_STRANGERS_PER_SECOND)

    def clock_set(self, by: timedelta) -> None:
        self._pace.clock_set(by)

    def allow(self, address: str, now: datetime) -> bool:
        return self._pace.allows(_subscriber(address), now)


def _subscriber(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((known, _NETWORK), strict=False))
