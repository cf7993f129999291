"""Salt: a master, and a minion on the machine.

What takes long is run with `salt --async` and looked up in the job cache with `jobs.lookup_jid`;
`saltutil.find_job` says whether it goes on. The Python API is used for one thing that the programs
do not have: to publish under a job id that is already known.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.peers.init import DISK
from benchmarks.peers.line import CONTROLLER
from benchmarks.peers.machine import Process, Service
from benchmarks.peers.system import CONTROL, Cannot, Programs, Run, until
from benchmarks.peers.verdict import Kind, Said

_MASTER = CONTROL / "salt"
_MINION = DISK / "salt"
_TRIMMED = "VALUE_TRIMMED"  # in the place of what is larger than max_event_size, 1 MiB
_GAP = 2.0  # seconds between two looks
_GRACE = 12.0  # seconds for a late return, once the minion says that the job does not run
_KEPT_ALIVE = {
    "tcp_keepalive_idle": 15,
    "tcp_keepalive_intvl": 5,
    "tcp_keepalive_cnt": 3,
    "return_retry_tries": 10,
}
# Publishes under the job id that it is given, as LocalClient.cmd_async allows.
_PUBLISH = """
import sys
import salt.client
folder, jid, script, limit = sys.argv[1:]
settings = {"timeout": int(limit), "python_shell": True}
client = salt.client.LocalClient(c_path=folder + "/master")
print(client.cmd_async("machine", "cmd.run_all", [script], jid=jid, kwarg=settings))
"""


class Salt:
    """What takes long is run with `salt --async` and looked up with `jobs.lookup_jid`;
    `saltutil.find_job` says whether it goes on, and `saltutil.kill_job` ends it. A restart is
    `system.reboot`. A request is repeated under its job id, with `LocalClient.cmd_async`."""

    name = "Salt"
    restart_exit_code = 0
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, venv: Path, programs: Programs) -> None:
        self._bin = venv / "bin"
        self._programs = programs
        self._stopped: set[str] = set()  # jobs of which it said that they were sent a signal
        self._restarts: set[str] = set()  # jobs after which the machine is to restart

    def settings(self) -> dict[str, str]:
        return {
            "auto_accept: true (master)": "one machine that we made; else salt-key -A",
            "interface: 0.0.0.0, user: root, root_dir (master)": "where it runs here",
            "master, id, root_dir (minion)": "where it runs here",
            "tcp_keepalive_idle 15, _intvl 5, _cnt 3 (minion)": "so that"
            " it finds dead connections soon; its defaults are minutes, or never",
            "master_alive_interval not set (minion)": "tried with 15 s: a return that was made"
            " while the line was cut was lost, and without it it was not",
            "return_retry_tries 10 (minion)": "so that a return outlasts a start of the master",
            "cmd.run_all timeout=": "the script's limit",
        }

    def versions(self) -> dict[str, str]:
        said = self._programs.ask(self._bin / "salt", "--version", quiet=True).out
        return {"salt": said.split()[1]}

    def prepare(self) -> list[Service]:
        for folder in (_MASTER, _MINION):
            folder.mkdir(parents=True)
        master = {"interface": "0.0.0.0", "user": "root", "root_dir": str(_MASTER)}
        (_MASTER / "master").write_text(json.dumps(master | {"auto_accept": True}))
        minion = {"master": CONTROLLER, "id": "machine", "user": "root", "root_dir": str(_MINION)}
        (_MINION / "minion").write_text(json.dumps(minion | _KEPT_ALIVE))
        self.start_controller()
        words = [str(self._bin / "salt-minion"), "-c", str(_MINION), "-l", "warning"]
        return [Service(words=words, log=str(DISK / "minion.log"))]

    def ready(self) -> bool:
        return self._salt("--timeout=5", "machine", "test.ping", quiet=True).get("machine") is True

    def start_controller(self) -> None:
        self._programs.start(
            *(self._bin / "salt-master", "-c", _MASTER, "-l", "warning"), log=CONTROL / "master.log"
        )
        socket = _MASTER / "var" / "run" / "salt" / "master" / "publish_pull.ipc"
        until(socket.exists, 60)

    def kill_controller(self) -> None:
        self._programs.kill_all()

    def begin(self, run: Run) -> str:
        limit = [f"timeout={run.limit}", "python_shell=True"]
        job = self._async("cmd.run_all", run.script, *limit)
        if run.then_restart:
            self._restarts.add(job)
        return job

    def _async(self, *words: str) -> str:
        answer = self._programs.ask(self._bin / "salt", "-c", _MASTER, "--async", "machine", *words)
        found = re.search(r"\b(\d{20})\b", answer.out)
        return found[1] if found else ""

    def asked_for_later(self, job: str) -> bool:
        return bool(job)

    def again(self, run: Run, job: str) -> str:
        """Under the same job id: a minion does not run one twice while it remembers it."""
        words = (self._bin / "python", "-c", _PUBLISH, _MASTER, job, run.script, str(run.limit))
        self._programs.ask(*words)
        return job

    def last_word(self, job: str, patience: float) -> Said:
        said = self._last_word(job, patience)
        if job not in self._restarts or said.kind is not Kind.ENDED:
            return said
        return self._restart(said, patience)

    def _restart(self, said: Said, patience: float) -> Said:
        """It is another command: `system.reboot`, whose return says that it was done."""
        job = self._async("system.reboot")
        restarted = self._last_word(job, patience)
        return Said(
            kind=said.kind,
            exit_code=said.exit_code,
            output=said.output,
            restarted=True if restarted.kind is Kind.ENDED else None,
            words=f"{said.words}; system.reboot: {restarted.words}",
            after=said.after + restarted.after,
        )

    def _last_word(self, job: str, patience: float) -> Said:
        began, idle_since = time.monotonic(), None
        while True:
            returned = self._lookup(job)
            now = time.monotonic()
            if returned is not None:
                return _understood(returned, now - began)
            found = self._salt("--timeout=5", "machine", "saltutil.find_job", job, quiet=True)
            running = found.get("machine")
            idle_since = (idle_since or now) if running == {} else None
            if idle_since is not None and job in self._stopped:
                words = "Signal sent; the job does not run any more"
                return Said(kind=Kind.STOPPED, words=words, after=now - began)
            given_up = idle_since is not None and now - idle_since > _GRACE
            if given_up or now - began > patience:
                return self._no_return(job, running, now - began)
            time.sleep(_GAP)

    def _no_return(self, job: str, running: Any, after: float) -> Said:
        """What it shows at last, once more for the raw log."""
        self._run("jobs.lookup_jid", job)
        self._salt("--timeout=5", "machine", "saltutil.find_job", job)
        if isinstance(running, dict) and running:
            return Said(kind=Kind.NOTHING, words="find_job: it runs", after=after)
        words = "no return in the job cache; find_job: "
        words += "not running" if running == {} else f"{running or 'Minion did not return'}"
        return Said(kind=Kind.UNKNOWN, words=words, after=after)

    def cancel(self, job: str) -> Cannot | None:
        said = self._salt("machine", "saltutil.kill_job", job).get("machine")
        if said and "Signal" in str(said):
            self._stopped.add(job)
        return None

    def is_agent(self, process: Process) -> bool:
        """The minion and what keeps it; a job is run by a process below these."""
        return process.depth <= 2 and "salt-minion" in process.words

    def _lookup(self, job: str) -> Any:
        returned = self._run("jobs.lookup_jid", job, quiet=True)
        if not isinstance(returned, dict) or "machine" not in returned:
            return None
        self._run("jobs.lookup_jid", job)
        return returned["machine"]

    def _run(self, *words: str, quiet: bool = False) -> Any:
        answer = self._programs.ask(
            self._bin / "salt-run", "-c", _MASTER, "--out=json", *words, quiet=quiet
        )
        return _json(answer.out)

    def _salt(self, *words: str, quiet: bool = False) -> dict[str, Any]:
        answer = self._programs.ask(
            self._bin / "salt", "-c", _MASTER, "--out=json", "--static", *words, quiet=quiet
        )
        said = _json(answer.out)
        return said if isinstance(said, dict) else {}


def _understood(returned: Any, after: float) -> Said:
    if not isinstance(returned, dict) or "retcode" not in returned:
        text = str(returned)
        kind = Kind.STOPPED if "Timed out" in text else Kind.ENDED
        # system.reboot returns what the command printed; whatever is an error is no end.
        if "ERROR" in text or "Traceback" in text or "exception" in text.lower():
            kind = Kind.UNKNOWN if kind is Kind.ENDED else kind
        return Said(kind=kind, words=text[:300], after=after)
    text = "\n".join(filter(None, (returned["stdout"], returned["stderr"])))
    if "Timed out after" in text:
        return Said(
            kind=Kind.STOPPED, output="", words=text[text.index("Timed out") :], after=after
        )
    code = int(returned["retcode"])
    kind = Kind.STOPPED if code < 0 else Kind.ENDED  # the number of the signal that ended it
    trimmed = _TRIMMED in text
    return Said(
        kind=kind,
        exit_code=code,
        output=text.rstrip("\n"),
        tells_missing=trimmed,
        words=f"retcode {code}{f', stdout {_TRIMMED}' * trimmed}",
        after=after,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
