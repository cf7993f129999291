"""What a real agent keeps in memory while its control plane is away, with results that pile up."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.costs import await_idle, descriptors, pss
from benchmarks.figure import Figure, Outcome
from benchmarks.mortal import Mortal
from cloudhand.agent_dist.build import ensure

_FASTER = 500  # times, than the agent's own pauses: a day of them in three minutes
_RESULTS = 5  # scripts that end while nobody can be told
_BOUND = 60.0  # seconds
_NO_POWER = "/bin/false"  # whatever asks for it, this machine stays up

# The agent of the one file, whose every pause is shorter. What it does between them is as ever.
_DRIVER = f"""
import sys
sys.path.insert(0, sys.argv[1])
from cloudhand.agent import comeback, reporter
for module in (comeback, reporter):
    for name in vars(module).copy():
        if name.endswith(("RETRY_FIRST", "RETRY_LAST", "_BEAT_FIRST", "_BEAT_LAST", "_POLL_EVERY")):
            setattr(module, name, getattr(module, name) / {_FASTER})
from cloudhand.agent.main import main
sys.exit(main(sys.argv[2:]))
"""
_SCRIPT = "sleep 6; head -c 1000000 /dev/zero"
_ATTEMPT = re.compile(rb"not reported yet|channel: |heart-beat failed")


def measure(*, quick: bool) -> list[Outcome]:
    seconds = 5 if quick else 120
    with tempfile.TemporaryDirectory(prefix="cloudhand-bench-") as folder:
        control = Mortal(Path(folder))
        try:
            return _through(control, Path(folder), seconds)
        finally:
            control.end()


def _through(control: Mortal, folder: Path, seconds: float) -> list[Outcome]:
    plane = control.start()
    [(activation, code, _)] = plane.activations(1)
    state, log = folder / "agent", folder / "agent.log"
    words = [f"--server={plane.endpoint.url}", f"--activation-id={activation}"]
    words += [f"--activation-code={code}", f"--state={state}"]
    agent = [sys.executable, "-S", "-E"]
    said = subprocess.run(
        [*agent, str(ensure()), "register", *words], check=True, capture_output=True, text=True
    )
    instance_id = said.stdout.split()[-1]
    run = ["run", f"--state={state}", f"--power-command={_NO_POWER}"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*agent, "-c", _DRIVER, str(ensure()), *run], stdout=file, stderr=file
        )
    try:
        _await(log, b"channel: open", 1)
        asked = [plane.run([instance_id], _SCRIPT)[0] for _ in range(_RESULTS)]
        _await(log, b": started", _RESULTS)
        control.kill()
        _await(log, b"not reported yet", _RESULTS)
        await_idle([process.pid])
        sizes, open_ = [pss(process.pid)], [descriptors(process.pid)]
        tried = len(_ATTEMPT.findall(log.read_bytes()))
        for _ in range(10):
            time.sleep(seconds / 10)
            sizes.append(pss(process.pid))
            open_.append(descriptors(process.pid))
        tried = len(_ATTEMPT.findall(log.read_bytes())) - tried
        plane = control.start()
        for invoke_id in asked:
            plane.wait(invoke_id, gap=0.05)
    finally:
        process.terminate()
        process.wait(30)
    end = median(sizes[-3:])
    return [
        Figure(
            name="agent's PSS without a control plane, end / begin",
            value=end / sizes[0],
            unit="ratio",
            target=1.05,
            raw=f"{end / 2**20:.2f} MiB / {sizes[0] / 2**20:.2f} MiB; {tried} attempts in vain in"
            f" {seconds} s, as in {seconds * _FASTER / 3600:.0f} h; {_RESULTS} results waited",
        ),
        Figure(
            name="agent's descriptors without a control plane, end / begin",
            value=median(open_[-3:]) / open_[0],
            unit="ratio",
            target=1.2,  # an attempt may be under way
            raw=f"{median(open_[-3:]):.0f} / {open_[0]}, {max(open_)} at most",
        ),
    ]


def _await(log: Path, words: bytes, times: int) -> None:
    deadline = time.monotonic() + _BOUND
    while log.read_bytes().count(words) < times:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the agent did not say {words.decode()}: see {log.read_text()}")
        time.sleep(0.02)
