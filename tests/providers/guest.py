"""A test's hand in an instance: runs there in place of the agent, and does what it is told.

A file of its own that runs alone. Over TCP go JSON objects, one a line: first who we are, then
for each ``{"words"}`` one answer ``{"code", "output"}``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys


def hello(boot: dict[str, str], kind: str) -> dict[str, object]:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        seen = file.read().strip()
    return {
        "kind": kind,
        "instance": boot["instanceId"],
        "boot": os.environ.get("CLOUDHAND_BOOT_ID", seen),
        "python": sys.executable,
        "namespace": os.readlink("/proc/self/ns/pid"),
    }


def connect(boot: dict[str, str], kind: str) -> socket.socket:
    host, _, port = boot["server"].rpartition("/")[2].partition(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(json.dumps(hello(boot, kind)).encode() + b"\n")
    return connection


def serve(connection: socket.socket, arguments: list[str]) -> None:
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            words = json.loads(line)["words"]
            if words == ["witness"]:
                _start_witness(arguments)
                done = subprocess.CompletedProcess(words, 0, b"")
            else:
                done = _run(words)
            answer = {"code": done.returncode, "output": done.stdout.decode(errors="replace")}
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()


def _run(words: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, str(error).encode())


def _start_witness(arguments: list[str]) -> None:
    subprocess.Popen(
        [sys.executable, "-S", "-E", sys.argv[0], "witness", *arguments],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def main() -> None:
    kind, *arguments = sys.argv[1:]
    with open(arguments[arguments.index("--boot") + 1], encoding="utf-8") as file:
        boot = json.load(file)
    if kind == "witness":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # Its connection lasts for exactly as long as it lives, wherever that is.
        connect(boot, kind).recv(1)
    else:
        serve(connect(boot, kind), arguments)


if __name__ == "__main__":
    main()
