"""The reliability card: what was measured, added up, and how sure that makes one.

It is loaded by its path by `scripts/docs.py` as well, so it needs the standard library alone. Raw
results are files that the commands write with `KEEP=1`; no figure of the card is typed by hand.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_RUNS = ROOT / "benchmarks" / "reliability"  # what `make faults KEEP=1` kept, a file each
_KINDS = ("lost", "twice", "stuck", "wrong")
_SUMMED = ("runs", "storm", "hits", "boots", "virtual_boots", "dispatches", "kills")
_OF_STORM = "any"  # the step at which runs in a storm are counted
_SURE = 0.95
_MEANINGS = {
    "lost": "a run or a result of which nobody knows any more",
    "twice": "a script that began more than once",
    "stuck": "a run or a restart that is open when all is over",
    "wrong": "something that was said and is not so",
}


def upper_bound(events: int, trials: int) -> float:
    """The rate that is exceeded, if so few events came of so many trials, in 1 case of 20 at most:
    the one-sided bound of Clopper and Pearson. 1 where nothing was tried.
    """
    if events >= trials:
        return 1.0
    low, high = events / trials, 1.0
    for _ in range(200):
        rate = (low + high) / 2
        if _at_most(events, trials, rate) > 1 - _SURE:
            low = rate
        else:
            high = rate
    return high


def _at_most(events: int, trials: int, rate: float) -> float:
    """How likely so few events, or fewer, are."""
    return sum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(count + 1)
            - math.lgamma(trials - count + 1)
            + count * math.log(rate)
            + (trials - count) * math.log1p(-rate)
        )
        for count in range(events + 1)
    )


def summed() -> dict[str, Any]:
    """All that was kept, as one."""
    counts: Counter[str] = Counter()
    points: Counter[str] = Counter()
    tiers: dict[str, Counter[str]] = {}
    kept = [json.loads(path.read_text()) for path in sorted(_RUNS.glob("*-seed*.json"))]
    for one in kept:
        for tier, told in one["tiers"].items():
            storm = told["points"].pop(_OF_STORM, 0)
            told = {**told, "storm": storm, "hits": told["hits"] - storm}
            here = Counter({name: told.get(name, 0) for name in (*_SUMMED, *_KINDS)})
            counts += here
            tiers.setdefault(tier, Counter()).update(here)
            points += Counter(told["points"])
    told = {name: counts[name] for name in (*_SUMMED, *_KINDS)}
    mutants = _read("mutants.json") or {}
    return {
        **told,
        "upper_bound_95": {
            kind: float(f"{upper_bound(counts[kind], counts['runs']):.3g}") for kind in _KINDS
        },
        "tiers": {tier: dict(here) for tier, here in sorted(tiers.items())},
        "points": dict(sorted(points.items())),
        "mutants": mutants.get("mutants", 0),
        "mutants_caught": mutants.get("mutants_caught", 0),
        "made": [
            {name: one[name] for name in ("date", "command", "seed", "machine")} for one in kept
        ],
    }


def _read(name: str, folder: Path = _RUNS) -> dict[str, Any] | None:
    path = folder / name
    return dict(json.loads(path.read_text())) if path.exists() else None


def pages() -> dict[str, str]:
    """By path from the root of the repository."""
    all_of_it = summed()
    return {
        "benchmarks/reliability.json": json.dumps(all_of_it, indent=1) + "\n",
        "docs/reliability.md": "\n\n".join(_card(all_of_it)) + "\n",
    }


def _card(told: dict[str, Any]) -> list[str]:
    return [
        "# The reliability card",
        _paragraph(
            "What befell commands on purpose, and what was told of them. An outsider"
            " judged: it knows the answers of the API, the lines that scripts leave on"
            " their machines, and the boots of these, and nothing of the program."
            " Everything here is written by `make card` from raw results, which are kept in"
            " [benchmarks/](../benchmarks)."
        ),
        "## Runs that faults befell",
        _counted(told),
        _paragraph(
            f"Of {told['runs']:,} runs, {told['storm']:,} were part of a storm: one command after"
            f" the other on fifty machines, over links that double, overtake, cut and swallow"
            f" what is said, under a control plane that is killed. Of the other"
            f" {told['runs'] - told['storm']:,}, {told['hits']:,} were struck at the very step that"
            f" was meant for them; the rest went by it, and was judged all the same. To have found"
            f" nothing is no proof of never: the bound says how often it may happen at most,"
            f" with that number of runs and a certainty of 95 %."
        ),
        _halves(told),
        _paragraph(
            "`make faults KEEP=1` makes such runs, with `SEED=` others, and adds them, and"
            " `ARGS=--dispatches=100000` a storm; `make card` writes this page anew."
        ),
        "## Steps at which they were struck",
        _paragraph(
            "Each step that a crash could separate from the next one has a name in"
            " `src/cloudhand/faults.py`. A run counts if its step was come to."
        ),
        _points(told),
        "## That it can fail",
        _mutants(told),
        *_soak(),
        *_reconnect(),
        *_stops(),
        "## When, and where",
        _made(told),
    ]


def _paragraph(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120, break_long_words=False))


def _table(*rows: tuple[str, ...]) -> str:
    head, *others = rows
    lines = [head, tuple("---" for _ in head), *others]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _counted(told: dict[str, Any]) -> str:
    bounds = told["upper_bound_95"]
    return _table(
        ("", "what that is", "found", "at most, of 1,000,000 runs"),
        *(
            (kind, _MEANINGS[kind], f"{told[kind]:,}", f"{bounds[kind] * 1e6:,.0f}")
            for kind in _KINDS
        ),
    )


def _halves(told: dict[str, Any]) -> str:
    names = {
        "real": "agents that are processes, and instances that really boot",
        "virtual": "simulated agents, a control plane of its own in one process, virtual time",
    }
    return _table(
        (
            "",
            "runs",
            "in a storm",
            "struck at a step",
            "real boots",
            "simulated boots",
            "dispatches",
            "kills of it",
        ),
        *(
            (
                names[tier],
                f"{here['runs']:,}",
                f"{here.get('storm', 0):,}",
                f"{here['hits']:,}",
                f"{here.get('boots', 0):,}",
                f"{here.get('virtual_boots', 0):,}",
                f"{here.get('dispatches', 0):,}",
                f"{here.get('kills', 0):,}",
            )
            for tier, here in told["tiers"].items()
        ),
    )


def _points(told: dict[str, Any]) -> str:
    rows = [(f"`{point}`", f"{count:,}") for point, count in told["points"].items()]
    half = -(-len(rows) // 2)
    right = [*rows[half:], ("", "")][:half]
    return _table(
        ("step", "runs", "step", "runs"),
        *((*one, *other) for one, other in zip(rows[:half], right, strict=True)),
    )


def _mutants(told: dict[str, Any]) -> str:
    kept = _read("mutants.json") or {}
    found = kept.get("found", {})
    said = (
        f"{told['mutants']} known ways to break it are kept in `tests/faults/mutants`;"
        f" {told['mutants_caught']} of them are found by the matrix (`make mutants KEEP=1`)."
    )
    rows = [(name, ", ".join(kinds) or "not found") for name, kinds in found.items()]
    rows += [(name, "not played in time") for name in kept.get("unplayed", [])]
    return "\n\n".join([said, *([_table(("broken so", "found"), *rows)] if rows else [])])


def _soak() -> list[str]:
    soak = _read("soak.json", ROOT / "benchmarks")
    if soak is None:
        return []
    growth = soak["growth"]
    rows = [
        (name.replace("_", " "), f"{one['begin']:,}", f"{one['end']:,}", f"{one['highest']:,}")
        for name, one in growth.items()
    ]
    counts = ", ".join(f"{kind} {soak[kind]}" for kind in _KINDS)
    return [
        "## Everything at random",
        _paragraph(
            f"{soak['agents']} real agents and {soak['simulated']:,} simulated ones for"
            f" {soak['seconds']:,.0f} s: {soak['targets']:,} runs, {soak['plane_kills']}"
            f" kills of the control plane and {soak['agent_kills']} of agents; {counts}"
            f" (`{soak['command']}`)."
        ),
        _table(("", "at the begin", "at the end", "highest"), *rows),
    ]


def _reconnect() -> list[str]:
    told = _read("reconnect.json", ROOT / "benchmarks")
    if told is None:
        return []
    rows = [
        (
            f"{one['away_seconds']:,.0f} s",
            f"{one['p50_online_seconds']} s",
            f"{one['p99_online_seconds']} s",
            f"{one['all_online_seconds']} s",
        )
        for one in told["outages"]
    ]
    return [
        "## Coming back",
        _paragraph(
            f"{told['machines']:,} simulated agents, with the pauses of the real one, after"
            f" an outage of the control plane (`{told['command']}`)."
        ),
        _table(("away for", "half of them are online after", "99 %", "all"), *rows),
    ]


def _stops() -> list[str]:
    told = [one for way in ("cgroup", "processes") if (one := _read(f"stops-{way}.json"))]
    if not told:
        return []
    rows = [
        (
            one["way"],
            f"{one['stops']:,}",
            f"{one['p50_ms']:,} ms",
            f"{one['p99_ms']:,} ms",
            f"{one['worst_ms']:,} ms",
            f"{one['survivors']}",
        )
        for one in told
    ]
    return [
        "## Stopping what fights",
        _paragraph(
            "From when an agent hears that a script is to end until nothing of it is left:"
            " fork bombs, double forks, `setsid`, `nohup`, ignored signals (`make stops"
            " KEEP=1`)."
        ),
        _table(("followed by", "stops", "half within", "99 % within", "worst", "survivors"), *rows),
    ]


def _made(told: dict[str, Any]) -> str:
    return _table(
        ("when", "command", "machine"),
        *(
            (
                one["date"][:16].replace("T", " "),
                f"`{one['command']}`",
                f"{one['machine']['cores']} cores, {one['machine']['architecture']}",
            )
            for one in told["made"]
        ),
    )


def main() -> None:
    for name, text in pages().items():
        (ROOT / name).write_text(text)
        print(name)


if __name__ == "__main__":
    main()
