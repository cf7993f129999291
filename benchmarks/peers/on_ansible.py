"""Ansible: a playbook over ssh, whose task is asynchronous and polled.

That is what its documents advise for what takes long, or may lose its connection. The job id, which
is printed, lets `async_status` ask later; a restart is a task of the module `reboot`.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.peers.init import DISK
from benchmarks.peers.line import MACHINE
from benchmarks.peers.machine import Process, Service
from benchmarks.peers.system import CONTROL, LIMIT, Answer, Cannot, Programs, Run
from benchmarks.peers.verdict import Kind, Said

_FOLDER = CONTROL / "ansible"
_SSH = DISK / "ssh"
_PORT = 2222
_POLL = 5  # seconds
_CANNOT = Cannot(
    source="no module and no option ends an asynchronous job: async_status has the modes status and"
    " cleanup (docs.ansible.com, async_status), and Ctrl-C ends the playbook alone"
)
_CONFIGURATION = """[defaults]
inventory = /srv/control/ansible/hosts
host_key_checking = False
[ssh_connection]
ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s {alive}
""".format(alive="-o ServerAliveInterval=5 -o ServerAliveCountMax=3")
_PLAYBOOK = """- hosts: machine
  gather_facts: false
  tasks:
    - name: script
      ansible.builtin.shell: {script}
      async: {limit}
      poll: {poll}
"""
_RESTART = """      ignore_errors: true
    - name: restart
      ansible.builtin.reboot:
        reboot_timeout: {limit}
"""
_RESULT = re.compile(
    r"^(?P<how>changed|ok|fatal|failed): \[machine\](?:: (?P<why>[A-Z]+)!)? => (?P<result>\{.*\})$",
    re.MULTILINE,
)
_JOB = re.compile(r"jid=([0-9.j]+)")


class Ansible:
    """A playbook with an asynchronous task that is polled, as its documents advise for what takes
    long or may lose its connection; the job id that is printed lets `async_status` ask later. A
    restart is a task of the module `reboot`."""

    name = "Ansible"
    restart_exit_code = 0
    environment: ClassVar[dict[str, str]] = {
        "ANSIBLE_CONFIG": str(_FOLDER / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONUNBUFFERED": "1",  # it prints what it would on a terminal, when it would
    }

    def __init__(self, venv: Path, programs: Programs) -> None:
        self._bin = venv / "bin"
        self._programs = programs
        self._plays: dict[str, subprocess.Popen[bytes]] = {}

    def settings(self) -> dict[str, str]:
        return {
            f"async: the script's limit, poll: {_POLL}": "advised for what takes long, or may lose"
            " its connection; a lost connection while it polls is not the end",
            "ServerAliveInterval 5, ServerAliveCountMax 3": "so that dead connections are found",
            "host_key_checking False": "one machine that we made",
            "async_dir, remote_tmp": "on the machine's disk",
            "gather_facts false": "no fact is used",
            f"reboot_timeout {LIMIT}": "the same bound as for everything",
        }

    def versions(self) -> dict[str, str]:
        said = self._programs.ask(self._bin / "ansible", "--version", quiet=True).out
        ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr
        return {"ansible-core": re.findall(r"core ([\d.]+)", said)[0], "ssh": ssh.split(",")[0]}

    def prepare(self) -> list[Service]:
        for folder in (_FOLDER, _SSH, DISK / "ansible"):
            folder.mkdir(parents=True)
        for key in (_FOLDER / "key", _SSH / "host"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
            subprocess.run(words, check=True)
        shutil.copy(_FOLDER / "key.pub", _SSH / "keys")
        (_FOLDER / "ansible.cfg").write_text(_CONFIGURATION)
        python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or shutil.which("python3")
        (_FOLDER / "hosts").write_text(
            f"machine ansible_host={MACHINE} ansible_port={_PORT} ansible_user=root"
            f" ansible_ssh_private_key_file={_FOLDER}/key ansible_python_interpreter={python}"
            f" ansible_remote_tmp={DISK}/ansible/tmp ansible_async_dir={DISK}/ansible/async\n"
        )
        words = [str(shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin"))]
        words += ["-D", "-e", "-f", "/dev/null", "-o", f"ListenAddress={MACHINE}:{_PORT}"]
        for option in (
            *(f"HostKey={_SSH}/host", f"AuthorizedKeysFile={_SSH}/keys", "StrictModes=no"),
            *("PidFile=none", "UsePAM=no", "PasswordAuthentication=no"),
            *(
                "PermitRootLogin=prohibit-password",
                "Subsystem=sftp internal-sftp",
                f"SetEnv=TMPDIR={DISK}/tmp",
            ),
        ):
            words += ["-o", option]
        return [Service(words=words, log=str(DISK / "sshd.log"))]

    def ready(self) -> bool:
        return "SUCCESS" in self._ask("-m", "ping", quiet=True).out

    def start_controller(self) -> None:
        """It has no process of its own between two playbooks."""

    def kill_controller(self) -> None:
        self._programs.kill_all()
        for path in Path("/proc").glob("[0-9]*/cmdline"):  # of the harness's own PID namespace
            words = path.read_bytes().replace(b"\0", b" ")
            if b"ssh: " in words and b"[mux]" in words:
                subprocess.run(["kill", "-KILL", path.parent.name], check=False)

    def begin(self, run: Run) -> str:
        play = _PLAYBOOK.format(script=json.dumps(run.script), limit=run.limit, poll=_POLL)
        if run.then_restart:
            play += _RESTART.format(limit=LIMIT)
        job = f"{run.token}-{len(self._plays)}"
        (_FOLDER / f"{job}.yml").write_text(play)
        self._programs.log(f"{job}.yml:\n{play}")
        self._plays[job] = self._programs.start(
            *(self._bin / "ansible-playbook", "-v", _FOLDER / f"{job}.yml"),
            log=_FOLDER / f"{job}.log",
        )
        return job

    def asked_for_later(self, job: str) -> bool:
        """It prints the job id when it polls first."""
        return bool(_JOB.search((_FOLDER / f"{job}.log").read_text(errors="replace")))

    def again(self, run: Run, job: str) -> str:
        """The playbook once more: it has no key of a request."""
        return self.begin(run)

    def last_word(self, job: str, patience: float) -> Said:
        began = time.monotonic()
        play = self._plays[job]
        try:
            play.wait(patience)
        except subprocess.TimeoutExpired:
            self._show(job)
            return Said(kind=Kind.NOTHING, words="the playbook goes on", after=patience)
        text = self._show(job)
        said = _understood(text, time.monotonic() - began)
        known = _JOB.findall(text)
        if said.kind is Kind.UNKNOWN and known:
            return self._asked_later(known[-1], began, patience, said)
        return said

    def _asked_later(self, jid: str, began: float, patience: float, said: Said) -> Said:
        """Nobody polls any more: `async_status` with the job id that was printed."""
        while True:
            answer = self._ask("-m", "async_status", "-a", f"jid={jid}", quiet=True)
            after = time.monotonic() - began
            result = _result_of(answer.out)
            if result.get("finished"):
                self._ask("-m", "async_status", "-a", f"jid={jid}")
                return _of_result(result, after)
            if after > patience:
                self._ask("-m", "async_status", "-a", f"jid={jid}")
                if result.get("started"):
                    return Said(kind=Kind.NOTHING, words=f"{said.words}; it goes on", after=after)
                return Said(kind=Kind.UNKNOWN, words=said.words, after=after)
            time.sleep(_POLL)

    def cancel(self, job: str) -> Cannot | None:
        """What somebody would try: Ctrl-C."""
        play = self._plays[job]
        play.send_signal(signal.SIGINT)
        play.wait(30)
        return _CANNOT

    def is_agent(self, process: Process) -> bool:
        """The sessions; the daemon goes on."""
        return process.words.startswith("sshd: ") or "sshd-session" in process.words

    def _ask(self, *words: str, quiet: bool = False) -> Answer:
        return self._programs.ask(self._bin / "ansible", "machine", *words, quiet=quiet)

    def _show(self, job: str) -> str:
        text = (_FOLDER / f"{job}.log").read_text(errors="replace")
        code = self._plays[job].poll()
        answer = Answer(code=-1 if code is None else code, out=text, err="")
        self._programs.show((f"(what ansible-playbook {job}.yml printed)",), answer)
        return text


def _understood(text: str, after: float) -> Said:
    results = [(found["why"], json.loads(found["result"])) for found in _RESULT.finditer(text)]
    if not results:
        kind = Kind.UNKNOWN
        last = text.strip().rpartition("\n")[2]
        return Said(kind=kind, words=f"no result: {last[-200:]}", after=after)
    why, result = results[0]
    if "Failed to create temporary directory" in str(result.get("msg", "")):
        # It calls this unreachable, too; what it says of it is that the task could not begin.
        return Said(kind=Kind.REFUSED, words=f"{why}: {result['msg'][:200]}", after=after)
    if why == "UNREACHABLE":
        return Said(kind=Kind.UNKNOWN, words=f"UNREACHABLE: {result.get('msg', '')}", after=after)
    said = _of_result(result, after)
    if len(results) < 2:
        return said
    restarted = results[1][1]
    return Said(
        kind=said.kind,
        exit_code=said.exit_code,
        output=said.output,
        restarted=bool(restarted.get("rebooted")),
        words=f"{said.words}; reboot: rebooted={restarted.get('rebooted')}",
        after=after,
    )


def _of_result(result: dict[str, Any], after: float) -> Said:
    message = str(result.get("msg", ""))
    if "did not complete within the requested time" in message or "imeout exceeded" in message:
        return Said(kind=Kind.STOPPED, words=message, after=after)
    if "rc" not in result or result["rc"] is None:
        return Said(kind=Kind.REFUSED, words=message[:300], after=after)
    output = "\n".join(filter(None, (result.get("stdout", ""), result.get("stderr", ""))))
    code = int(result["rc"])
    kind = Kind.STOPPED if code < 0 else Kind.ENDED
    words = f"rc={code} {message}".strip()
    return Said(kind=kind, exit_code=code, output=output.rstrip("\n"), words=words, after=after)


def _result_of(text: str) -> dict[str, Any]:
    _, _, rest = text.partition("=> ")
    try:
        found = json.loads(rest)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
