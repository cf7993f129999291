"""The published agent as a program, as far as installers use one: it registers, and it runs.

It reads the command line, the environment and the folder that the real one does, and restarts no
machine. `written` makes it: a program for Linux, as the real one, which starts this module.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import ssl
import struct
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.server.clock import SystemClock
from cloudhand.wire import agent as wire
from tests.official.agent import Agent
from tests.official.host import Host, Manner
from tests.official.network import Network, Unwatched
from tests.rules.sources import ROOT

PROCESSOR = "amd64"
SERVICE = "aliyun.service"
_INSTALLED = Path("/usr/local/share/aliyun-assist")
_HYBRID = _INSTALLED / "hybrid"
_VERSION = "STAND_IN_VERSION"
_BASE = 0x400000


def missing() -> str:
    """Why it cannot be made here; empty if it can."""
    return "" if platform.machine() == "x86_64" else "its program is for x86_64"


def written(folder: Path, version: str = "2.2.3.578") -> Path:
    """The program, in a new folder; all that it needs is in there, in ROOT, and in our Python's."""
    folder.mkdir()
    python = folder / "interpreter"  # which nobody takes for one of the machine's
    shutil.copy(os.path.realpath(sys.executable), python)
    start = folder / "start"
    path = os.pathsep.join([str(ROOT), *(one for one in sys.path if one)])
    start.write_text(
        f"#!/bin/sh\n[ \"$1\" != --version ] || exec echo '{version}'\n"
        f"export PYTHONHOME='{sys.base_prefix}' PYTHONPATH='{path}'\n"
        f"export {_VERSION}='{version}' PYTHONDONTWRITEBYTECODE=1\n"
        f"exec '{python}' -m tests.official.program \"$@\"\n"
    )
    start.chmod(0o755)
    program = folder / "aliyun-service"
    program.write_bytes(_starter(str(start)))
    program.chmod(0o755)
    return program


def _starter(path: str) -> bytes:
    """An executable for x86-64 that becomes the program at a path, with its words."""
    head, entry = 64 + 56, 44
    code = (
        b"\x48\xbf" + struct.pack("<Q", _BASE + head + entry)  # mov rdi, path
        + b"\x48\x8d\x74\x24\x08"  # lea rsi, [rsp+8]: its words
        + b"\x48\x8b\x04\x24"  # mov rax, [rsp]: their count
        + b"\x48\x8d\x54\xc4\x10"  # lea rdx, [rsp+rax*8+16]: its environment
        + b"\xb8\x3b\x00\x00\x00\x0f\x05"  # execve
        + b"\xbf\x7f\x00\x00\x00\xb8\x3c\x00\x00\x00\x0f\x05"  # exit with 127
    )  # fmt: skip
    content = code.ljust(entry, b"\0") + path.encode() + b"\0"
    size = head + len(content)
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, _BASE + head, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return identity + header + load + content


def _client() -> httpx.AsyncClient:
    trusted = ssl.create_default_context(cafile=os.environ.get("ALIYUN_ASSIST_CERT_PATH"))
    proxy = os.environ.get("ALIYUN_ASSIST_PROXY")
    return httpx.AsyncClient(trust_env=False, verify=trusted, proxy=proxy)


def _host(client: httpx.AsyncClient, key: rsa.RSAPrivateKey) -> Host:
    clock = SystemClock()
    up = float(Path("/proc/uptime").read_text().split()[0])
    return Host(
        network=Network(
            client,
            f"https://{os.environ['ALIYUN_ASSIST_SERVER_HOST']}",
            Unwatched(),
            trusted=ssl.create_default_context(cafile=os.environ.get("ALIYUN_ASSIST_CERT_PATH")),
        ),
        clock=clock,
        folder=_INSTALLED,
        key=key,
        machine_id=Path("/etc/machine-id").read_text().strip(),
        manner=Manner(version=os.environ[_VERSION]),
        booted_at=clock.now() - timedelta(seconds=up),
    )


async def _register(said: argparse.Namespace) -> None:
    if (_HYBRID / "instance-id").exists():
        print("it is registered already")
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with _client() as client:
        host = _host(client, key)
        tags = [one.split("=") for one in said.tag]
        if any(len(one) != 2 for one in tags):
            sys.exit(1)
        told = host.registration(said.ActivationId, said.ActivationCode) | {
            "regionId": said.RegionId,
            "instanceName": said.InstanceName,
            "hostname": platform.node(),
            "tag": [{"key": name, "value": value} for name, value in tags],
        }
        answer = await client.post(host.network.url + wire.REGISTER_PATH, json=told)
    if answer.status_code > 400 or answer.json()["code"] != 200:
        print(f"register failed {answer.text}")
        return
    _HYBRID.mkdir(exist_ok=True)
    (_HYBRID / "instance-id").write_text(answer.json()["instanceId"])
    (_HYBRID / "machine-id").write_text(host.machine_id)
    (_HYBRID / "pri-key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    print(f"register ok\ninstance id: {answer.json()['instanceId']}")
    for word in ("stop", "start"):
        subprocess.run(["systemctl", word, SERVICE], check=False)


async def _live() -> None:
    key = serialization.load_pem_private_key((_HYBRID / "pri-key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    async with _client() as client:
        host = _host(client, key)
        host.instance_id = (_HYBRID / "instance-id").read_text()
        agent = Agent(host)
        agent.pid = os.getpid()
        print("Started successfully", flush=True)
        await agent.live()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--register", action="store_true")
    parser.add_argument("--tag", action="append", default=[])
    for name in ("RegionId", "ActivationId", "ActivationCode", "InstanceName"):
        parser.add_argument(f"--{name}", default="")
    said = parser.parse_args()
    asyncio.run(_register(said) if said.register else _live())


if __name__ == "__main__":
    main()
