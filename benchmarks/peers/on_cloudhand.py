"""Cloudhand: a control plane with TLS, and the agent of the wheel on the machine.

Only its command line is used: what runs is asked for by RunCommand, whose ClientToken says that a
request is the same as an earlier one, and looked up with `cloudhand result`.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.peers.init import DISK
from benchmarks.peers.line import CONTROLLER
from benchmarks.peers.machine import Process, Service
from benchmarks.peers.system import CONTROL, Cannot, Programs, Run, until
from benchmarks.peers.verdict import Kind, Said

_STATE = CONTROL / "cloudhand"
_AGENT = DISK / "cloudhand"
_PORT = 8650
_GOES_ON = {"Pending", "Scheduled", "Running", "Stopping"}
_POWER_GOES_ON = {"Ordered", "Held", "Down"}
# Its words for: nobody told how it ended.
_NOT_KNOWN = {"ClientNotOnline", "ClientNotResponse", "InstanceNotRunning", "ExecutionInterrupted"}
_NEVER_RAN = {"DeliveryTimeout", "ClientNotRunning"}


class Cloudhand:
    """Commands are asked for by `RunCommand` (`cloudhand call`), whose `ClientToken` says that a
    request is the same as an earlier one, looked up with `cloudhand result`, and ended with
    `cloudhand stop-run`; a restart is the exit code 194."""

    name = "Cloudhand"
    restart_exit_code = 194
    environment: ClassVar[dict[str, str]] = {}

    def __init__(self, venv: Path, programs: Programs) -> None:
        self._bin = venv / "bin"
        self._programs = programs
        self._machine = ""

    def settings(self) -> dict[str, str]:
        return {
            "serve --tls --listen 0.0.0.0:8650 --name 127.0.0.3": "as the README says for machines"
            " of one's own",
            "Timeout": "the script's limit, in RunCommand",
        }

    def versions(self) -> dict[str, str]:
        said = self._programs.ask(self._bin / "cloudhand", "--version", quiet=True).out
        return {"cloudhand": said.split()[-1]}

    def prepare(self) -> list[Service]:
        self.start_controller()
        made = self._call("CreateActivation", "InstanceCount=1")
        self._programs.ask(
            *(self._bin / "cloudhand", "agent", "register"),
            *("--server", f"https://{CONTROLLER}:{_PORT}", "--ca", _STATE / "tls" / "ca.pem"),
            *("--activation-id", made["ActivationId"], "--activation-code", made["ActivationCode"]),
            *("--name", "machine", "--state", _AGENT),
        )
        words = [str(self._bin / "cloudhand"), "agent", "run", "--state", str(_AGENT)]
        return [Service(words=words, log=str(DISK / "agent.log"))]

    def ready(self) -> bool:
        answer = self._programs.ask(
            self._bin / "cloudhand", "instances", "--json", "--state", _STATE, quiet=True
        )
        known = json.loads(answer.out) if answer.code == 0 else []
        self._machine = known[0]["instanceId"] if known else ""
        return bool(known) and bool(known[0]["online"])

    def start_controller(self) -> None:
        self._programs.start(
            *(self._bin / "cloudhand", "serve", "--state", _STATE, "--tls"),
            *("--listen", f"0.0.0.0:{_PORT}", "--name", CONTROLLER),
            log=CONTROL / "serve.log",
        )
        until(self._answers, 30)

    def _answers(self) -> bool:
        words = (self._bin / "cloudhand", "instances", "--json", "--state", _STATE)
        return self._programs.ask(*words, quiet=True).code == 0

    def kill_controller(self) -> None:
        self._programs.kill_all()

    def begin(self, run: Run) -> str:
        made = self._call(
            "RunCommand",
            "Type=RunShellScript",
            "ContentEncoding=Base64",
            f"CommandContent={base64.b64encode(run.script.encode()).decode()}",
            f"InstanceId.1={self._machine}",
            f"Timeout={run.limit}",
            f"ClientToken={run.token}",
        )
        return str(made["InvokeId"])

    def asked_for_later(self, job: str) -> bool:
        return bool(job)

    def again(self, run: Run, job: str) -> str:
        return self.begin(run)

    def last_word(self, job: str, patience: float) -> Said:
        began = time.monotonic()
        while True:
            words = (self._bin / "cloudhand", "result", job, "--json", "--state", _STATE)
            answer = self._programs.ask(*words, quiet=True)
            after = time.monotonic() - began
            late = after > patience
            if answer.out.startswith("{"):
                [result] = json.loads(answer.out)["results"]
                if late or not _unfinished(result):
                    self._programs.show(words, answer)
                    return self._understood(job, result, after)
            elif late:
                self._programs.show(words, answer)
                return Said(kind=Kind.NOTHING, words=answer.err.strip(), after=after)
            time.sleep(0.5)

    def _understood(self, job: str, result: dict[str, Any], after: float) -> Said:
        status, code, error = result["status"], result["exitCode"], result["errorCode"]
        if status in _GOES_ON:
            kind = Kind.NOTHING
        elif code is not None:
            kind = Kind.ENDED
        elif error in _NOT_KNOWN:
            kind = Kind.UNKNOWN
        elif error in _NEVER_RAN or result["run"] == 0:  # it counts runs that have begun
            kind = Kind.REFUSED
        else:
            kind = Kind.STOPPED
        power, receipt = result["powerAction"], result["receipt"] or {}
        output = result["output"]
        if result["dropped"]:
            words = (self._bin / "cloudhand", "result", job, "--whole", "--state", _STATE)
            output = self._programs.ask(*words).out
        return Said(
            kind=kind,
            exit_code=code,
            output=output.rstrip("\n"),
            # What --json does not show it counts; what is not kept at all --whole says.
            tells_missing="bytes" in output[:200] and "dropped" in output[:200],
            tells_left=bool(receipt.get("survived") or receipt.get("left")),
            restarted=None if power is None else power["status"] == "Done",
            words=f"{status} {error} {result['errorInfo']}".strip(),
            after=after,
        )

    def cancel(self, job: str) -> Cannot | None:
        self._programs.ask(self._bin / "cloudhand", "stop-run", job, "--json", "--state", _STATE)
        return None

    def is_agent(self, process: Process) -> bool:
        return process.depth == 1 and "agent run" in process.words

    def _call(self, *words: str) -> Any:
        answer = self._programs.ask(self._bin / "cloudhand", "call", *words, "--state", _STATE)
        return json.loads(answer.out)


def _unfinished(result: dict[str, Any]) -> bool:
    power = result["powerAction"]
    return result["status"] in _GOES_ON or (power is not None and power["status"] in _POWER_GOES_ON)
