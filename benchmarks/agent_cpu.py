"""What a real agent pays for one command, beyond the command, in units of the kernel's."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.costs import cpu_of_kernel, cpu_of_spawn, cpu_of_tree
from benchmarks.figure import Figure, Outcome, middle
from benchmarks.machines import real_agents
from benchmarks.plane import ECHO, plane


def measure(*, quick: bool) -> list[Outcome]:
    commands, rounds = (10, 1) if quick else (100, 5)
    extra: list[float] = []
    bare: list[float] = []
    kernel: list[float] = []
    with plane() as control, real_agents(control, 1) as [agent]:
        script = bare_script(control.state)
        control.wait(control.run([agent.instance_id])[0], gap=0.01)
        for _ in range(rounds):
            kernel.append(cpu_of_kernel(commands))
            bare.append(cpu_of_spawn(script, commands))
            before = cpu_of_tree(agent.pid)
            for _ in range(commands):
                control.wait(control.run([agent.instance_id])[0], gap=0.005)
            extra.append((cpu_of_tree(agent.pid) - before) / commands - bare[-1])
    return [
        Figure(
            name="agent's CPU per command beyond the script / kernel's",
            value=median(cost / unit for cost, unit in zip(extra, kernel, strict=True)),
            unit="ratio",
            target=3,
            raw=f"{middle(extra)} beyond a script of {middle(bare)} / {middle(kernel)}",
        )
    ]


def bare_script(folder: Path) -> list[str]:
    """What starts the script as the agent does, but without one."""
    path = folder / "bare"
    path.write_text(ECHO)
    path.chmod(0o700)
    return ["/bin/sh", str(path)]
