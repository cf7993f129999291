"""From the call of RunCommand until somebody who keeps looking sees Success."""

from __future__ import annotations

import subprocess
import time
from statistics import median

from benchmarks.agent_cpu import bare_script
from benchmarks.costs import fsyncs
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.machines import real_agents
from benchmarks.plane import plane

_GAP = 0.001  # seconds between looks


def measure(*, quick: bool) -> list[Outcome]:
    times = 5 if quick else 150
    through: list[float] = []
    bare: list[float] = []
    with plane() as control, real_agents(control, 1) as [agent]:
        script = bare_script(control.state)
        control.wait(control.run([agent.instance_id])[0], gap=_GAP)
        for _ in range(times):
            began = time.perf_counter()
            control.wait(control.run([agent.instance_id])[0], gap=_GAP)
            through.append(time.perf_counter() - began)
            began = time.perf_counter()
            subprocess.run(script, capture_output=True, check=True)
            bare.append(time.perf_counter() - began)
        synced = fsyncs(control.state, times)
    return [
        Figure(
            name="RunCommand to Success, p50 / subprocess.run, p50",
            value=median(through) / median(bare),
            unit="ratio",
            target=10,
            raw=f"{middle(through)} / {middle(bare)}; one fsync here takes {middle(synced)}",
        )
    ]
