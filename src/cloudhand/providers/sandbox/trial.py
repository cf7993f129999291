"""Try once to launch an instance in a mode: exit 0, or say on stdout in one line what failed."""

from __future__ import annotations

import json
import os
import sys

from cloudhand.providers.sandbox import instance
from cloudhand.providers.sandbox.boots import fork_launcher
from cloudhand.providers.sandbox.plan import Launch, Mode, Runtime, this_python


def main(arguments: list[str]) -> int:
    state, mode = arguments[0], Mode(arguments[1])
    python, prefix = this_python()
    files = f"{state}/files"
    os.makedirs(files, mode=0o755)
    for name in ("agent.pyz", "init.py", "power.sh"):
        with open(f"{files}/{name}", "wb"):
            pass  # they are looked at, not run
    os.makedirs(f"{state}/instances")
    directory = f"{state}/instances/i-trial"
    namespace = os.readlink("/proc/self/ns/pid")
    runtime = Runtime(mode, state, files, python, prefix, namespace)
    boot = {"instanceId": "i-trial", "name": "trial"}
    try:
        record = instance.create(directory, boot, b"", mode=mode)
    except OSError as error:
        sys.stdout.write(str(error.strerror or error))
        return 1
    reading, writing = os.pipe()
    alive, held = os.pipe()
    console = os.open("/dev/null", os.O_WRONLY)
    launch = Launch(directory, "trial", "0", record.base, {}, ["/bin/true"], console, alive)
    launcher_pid = fork_launcher(runtime, launch, writing)
    os.close(writing)
    with os.fdopen(reading) as report:
        told: dict[str, object] = {}
        for line in report:
            told.update(json.loads(line))
    statuses = [os.waitpid(launcher_pid, 0)[1]]
    pid = told.get("pid")
    if isinstance(pid, int) and pid != launcher_pid:
        statuses.append(os.waitpid(pid, 0)[1])
    os.close(held)
    instance.remove(directory)
    if "error" in told or any(statuses):
        sys.stdout.write(str(told.get("error", "the first process of an instance could not run")))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
