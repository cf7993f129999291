"""`python -m benchmarks.peers [--system NAME] [--fault NAME]`: needs root, Linux, ip, ss and sshd.

What is played is kept: raw logs in `benchmarks/peers/raw`, all verdicts in `benchmarks/peers.json`.
Part of it replaces that part only.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.peers.faults import FAULTS
from benchmarks.peers.installed import ROOT, installed
from benchmarks.peers.stage import SYSTEMS, NotPlayed, Stage
from benchmarks.peers.verdict import Verdict, judge

RESULTS = ROOT / "benchmarks" / "peers.json"
RAW = ROOT / "benchmarks" / "peers" / "raw"
_TOOLS = ("unshare", "mount", "ip", "ss", "ssh", "ssh-keygen")
_TRIES = 2  # of a fault that the harness could not make
_ONE_BOUND = 600  # seconds for one fault


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.inside:
        return _inside(options.system[0], options.fault[0], options.inside)
    if missing := _missing():
        print(f"cannot play: {missing}", file=sys.stderr)
        return 2
    chosen = options.system or list(SYSTEMS)
    logs = ROOT / "build" / "peers"
    venvs = {name: installed(name, logs / f"{name}.pip.log") for name in chosen}
    faults = options.fault or [fault.name for fault in FAULTS]
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        done = list(pool.map(lambda name: _play_all(name, faults, venvs[name]), chosen))
    return 0 if all(done) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--system", action="append", choices=list(SYSTEMS))
    parser.add_argument("--fault", action="append", choices=[fault.name for fault in FAULTS])
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


def _missing() -> str:
    if os.geteuid() != 0:
        return "only root may make such a machine"
    lacking = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        lacking.append("sshd (apt install openssh-server)")
    return f"not on this machine: {', '.join(lacking)}" if lacking else ""


def _play_all(system: str, faults: list[str], venv: Path) -> bool:
    """Whether all could be played."""
    lacking = len(faults)
    for name in faults:
        for _ in range(_TRIES):
            played = _play(system, name, venv)
            if "verdict" in played:
                _keep(system, name, played)
                lacking -= 1
                break
        verdict, reason = played.get("verdict", "NOT PLAYED"), played.get("reason", "")
        print(f"{system:10} {name:11} {verdict:8} {reason}", flush=True)
    return lacking == 0


def _play(system: str, fault: str, venv: Path) -> dict[str, Any]:
    """In namespaces of its own, with which all that it started ends."""
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        answer = Path(scratch) / "answer.json"
        words = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"]
        words += ["--mount-proc", "--propagation", "private"]
        # The shell, as the first process, waits for orphans that end.
        words += ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-m"]
        words += ["benchmarks.peers", "--system", system, "--fault", fault]
        try:
            subprocess.run(
                [*words, "--inside", str(answer)],
                cwd=ROOT,
                env=os.environ | {"PEERS_VENV": str(venv)},
                timeout=_ONE_BOUND,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{system} {fault}: the harness took too long", file=sys.stderr)
        if not answer.exists():
            return {}
        played: dict[str, Any] = json.loads(answer.read_text())
    folder = RAW if "verdict" in played else ROOT / "build" / "peers" / "not-played"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{fault}-{system}.log").write_text(played.pop("raw"))
    return played


def _inside(system: str, fault: str, answer: Path) -> int:
    [story] = [one for one in FAULTS if one.name == fault]
    stage = None
    found: dict[str, Any] = {}
    lines: list[str] = []
    try:
        stage = Stage(system, Path(os.environ["PEERS_VENV"]), lines)
        played = story.play(stage)
        verdict, reason = judge(played.said, played.truth)
        if played.cannot:
            verdict, reason = Verdict.CANNOT, f"{played.cannot}. What was tried: {reason}"
        if verdict is not Verdict.RIGHT:
            stage.show_logs()
        found = {
            "verdict": verdict,
            "reason": reason,
            **asdict(played.shortened()),
            "versions": stage.system.versions(),
            "settings": stage.system.settings(),
        }
        lines += [f"said:  {found['said']}", f"truth: {found['truth']}", f"{verdict}: {reason}"]
    except NotPlayed as failure:
        lines += [f"not played: {failure}"]
    except Exception:  # the outermost frame of this process: the raw log is where it is read
        lines += [f"not played: {traceback.format_exc()}"]
    if stage is not None:
        stage.close()
    text = "\n".join(lines).replace(f"{ROOT}/", "") + "\n"
    answer.write_text(json.dumps({**found, "raw": text}))
    return 0


def _keep(system: str, fault: str, played: dict[str, Any]) -> None:
    with (RAW.parent / "__main__.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others may play other parts
        kept: dict[str, Any] = {"systems": {}}
        if RESULTS.exists():
            kept = json.loads(RESULTS.read_text())
        there = kept["systems"].setdefault(system, {"faults": {}})
        there |= {part: played.pop(part) for part in ("versions", "settings")}
        there["use"] = " ".join((SYSTEMS[system].__doc__ or "").split())
        known = there["faults"] | {fault: played}
        there["faults"] = {one.name: known[one.name] for one in FAULTS if one.name in known}
        RESULTS.write_text(json.dumps(kept | _of_all(), indent=1, ensure_ascii=False) + "\n")


def _of_all() -> dict[str, Any]:
    kept: dict[str, Any] = {}
    kept["faults"] = [
        {"name": fault.name, "title": fault.title, "title_zh": fault.title_zh, "story": fault.story}
        for fault in FAULTS
    ]
    kept["on"] = str(datetime.now(UTC).date())
    kept["machine"] = (
        f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release()},"
        f" Python {platform.python_version()}"
    )
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
