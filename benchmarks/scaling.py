"""Whether a target of a large fleet costs more than one of a small fleet."""

from __future__ import annotations

from statistics import median

from benchmarks.costs import cpu_of_threads
from benchmarks.crowd import Crowd, crowd
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.plane import Plane, plane

_SMALL_REPEATED = 8  # times in a round: each costs little, and little is noisy


def measure(*, quick: bool) -> list[Outcome]:
    sizes, rounds = ((2, 6, 12, 24), 2) if quick else ((10, 110, 1000, 2000), 5)
    least, small, large, most = sizes
    few: list[float] = []
    many: list[float] = []
    with plane() as control, crowd(control) as fleet:
        fleet.join(most)
        fleet.perform(most)
        fleet.check()
        for _ in range(rounds):
            low = median(_cost(control, fleet, least) for _ in range(_SMALL_REPEATED))
            high = median(_cost(control, fleet, small) for _ in range(_SMALL_REPEATED))
            few.append((high - low) / (small - least))
            less, more = _cost(control, fleet, large), _cost(control, fleet, most)
            many.append((more - less) / (most - large))
    return [
        Figure(
            name="marginal CPU per target, large fleet / small fleet",
            value=median(many) / median(few),
            unit="ratio",
            target=1.3,
            raw=f"{middle(many)} between {large} and {most} targets / {middle(few)}"
            f" between {least} and {small}",
        )
    ]


def _cost(control: Plane, fleet: Crowd, targets: int) -> float:
    """Seconds of the control plane's CPU for a script on so many."""
    before = cpu_of_threads(control.pid)
    fleet.perform(targets)
    cost = cpu_of_threads(control.pid) - before
    fleet.check()
    return cost
