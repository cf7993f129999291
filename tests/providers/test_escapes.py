"""Root in an instance tries to reach the machine, in each way that we know of."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.providers.sandbox import kernel, mask
from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import OUR_NAMESPACE, Fleet, Guest, fleet_of, refusal, somebody

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TOOLS = """
import ctypes, errno, os, resource, signal, socket, stat, time
libc = ctypes.CDLL(None, use_errno=True)
if os.readlink("/proc/self/ns/pid") == {namespace!r}:
    raise SystemExit(99)

def call(name, *arguments):
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = getattr(libc, name)(*words)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result

def write(path):
    os.close(os.open(path, os.O_WRONLY))

def mount(source, target, kind, flags=0):
    call("mount", source, target, kind, flags, None)

def point():
    os.makedirs("/tmp/point", exist_ok=True)
    return b"/tmp/point"

def nested():
    call("unshare", 0x10000000 | 0x00020000)

def outside_listing(path):
    # What the machine's root has there is not what we see.
    if {mark!r} in os.listdir(path):
        return "the machine's"
    raise OSError(errno.ENOENT, path)

def report(name, attempt):
    try:
        done = eval(attempt)
    except OSError as error:
        print("refused: ", name, flush=True)
    except BaseException as error:
        print("failed: ", name, repr(error), flush=True)
    else:
        print("through: ", name, done, flush=True)

for name, attempt in {attempts!r}.items():
    if not (child := os.fork()):
        report(name, attempt)
        os._exit(0)
    os.waitpid(child, 0)
"""

_REMOUNT, _BIND, _DETACH = 32, 4096, 2
_WRITES = (
    *("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/sysrq", "/proc/sys/vm/drop_caches"),
    *("/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"),
    *("/proc/sys/kernel/modprobe", "/sys/power/state", "/sys/devices/system/cpu/cpu1/online"),
    *("/sys/bus/pci/rescan", "/proc/acpi/wakeup", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda"),
)
_COVERS = (
    *("/proc/sys", "/proc/kcore", "/proc/sysrq-trigger", "/proc/sys/kernel/random/boot_id"),
    *("/sys/kernel/security", "/run/cloudhand/agent.pyz", "/usr", "/etc", "/dev"),
)
_KINDS = (
    *("proc", "sysfs", "devtmpfs", "cgroup", "cgroup2", "debugfs", "tracefs", "bpf"),
    *("securityfs", "pstore", "ext4", "configfs"),
)
_ATTEMPTS = {
    **{f"write {path}": f"write({path!r})" for path in _WRITES},
    **{f"uncover {path}": f"call('umount2', {path.encode()!r}, {_DETACH})" for path in _COVERS},
    **{f"mount {kind}": f"mount({b'none'!r}, point(), {kind.encode()!r})" for kind in _KINDS},
    "proc writable again": f"mount(None, b'/proc/sys', None, {_REMOUNT | _BIND})",
    "sys writable again": f"mount(None, b'/sys', None, {_REMOUNT | _BIND})",
    "proc without covers": f"mount(b'/proc', point(), None, {_BIND})",
    "nested: proc": "nested() or mount(b'none', point(), b'proc')",
    "nested: uncover": f"nested() or call('umount2', b'/proc/kcore', {_DETACH})",
    "nested: proc writable": f"nested() or mount(None, b'/proc/sys', None, {_REMOUNT | _BIND})",
    "disk": "os.mknod('/tmp/disk', stat.S_IFBLK | 0o600, os.makedev(8, 0))",
    "memory": "os.mknod('/root/memory', stat.S_IFCHR | 0o600, os.makedev(1, 1))",
    "signal outside": "os.kill({pid}, 0)",
    "pidfd outside": "os.pidfd_open({pid})",
    "trace outside": "call('ptrace', 16, {pid}, 0, 0)",
    "memory outside": "open('/proc/{pid}/mem', 'rb')",
    "root of init": "outside_listing('/proc/1/root{folder}')",
    "out of a root": "os.chroot(point()) or os.chroot('../' * 50) or outside_listing('{folder}')",
    "handle": "call('syscall', 304, os.open('/', 0), bytes.fromhex('{handle}'), 0)",
    "clock": "time.clock_settime(time.CLOCK_REALTIME, time.time())",
    "swap": "call('swapon', b'/root/swap', 0)",
    "accounting": "call('acct', None)",
    "kernel log": "call('klogctl', 3, ctypes.create_string_buffer(9), 9)",
    "raw socket": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "packet socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)",
    "more ids": "os.setuid(65536)",
    "hostname outside": "call('setns', os.open('/proc/{pid}/ns/uts', 0), 0)",
    "kexec": "call('syscall', 246, 0, 0, 0, 0)",
    "module": "call('syscall', 175, b'', 0, b'')",
    "reboot: kexec": "call('reboot', 0x45584543)",
    "reboot: control-alt-delete": "call('reboot', 0)",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect(b'\\0{mark}')",
    "system bus": "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
    "containers": "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
    "manager": "socket.socket(socket.AF_UNIX).connect('/run/systemd/private')",
}
_UNREADABLE = ("kcore", "keys", "key-users", "kallsyms", "kmsg", "timer_list", "slabinfo")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="system calls by number")
async def test_no_attempt_gets_through(fleet: Fleet, walled: Guest) -> None:
    with _abstract_socket() as mark:
        (fleet.folder / mark).touch()
        facts = {"pid": os.getpid(), "folder": fleet.folder, "mark": mark, "handle": _handle()}
        attempts = {name: attempt.format(**facts) for name, attempt in _ATTEMPTS.items()}
        if not kernel.scoped():
            del attempts["abstract socket"]
        program = _TOOLS.format(namespace=OUR_NAMESPACE, mark=mark, attempts=attempts)

        done = await walled.python(program)

    told = done.output.splitlines()
    assert [line for line in told if not line.startswith("refused: ")] == []
    assert len(told) == len(attempts)


async def test_the_kernel_tells_nothing(walled: Guest) -> None:
    for name in _UNREADABLE:
        read = await walled.shell(f"! [ -e /proc/{name} ] || head -c 100 /proc/{name}")
        assert read.output == "", name


async def test_nothing_but_ours_is_in_the_shared_places(walled: Guest) -> None:
    seen = await walled.shell("ls -A /run /tmp /home /mnt /media /dev/shm")
    assert set(seen.output.split()) <= {
        *("/run:", "cloudhand", "/tmp:", "/home:", "/mnt:", "/media:", "/dev/shm:"),
    }


@pytest.mark.parametrize("top", ["etc", "var", "opt"])
async def test_what_only_the_machines_root_may_read(fleet: Fleet, top: str) -> None:
    """Made before the instance starts; also when another has started just before."""
    if fleet.mode is Mode.PROCESSES:
        pytest.skip("plain processes see what their user sees")
    if os.geteuid():
        pytest.skip("only root can make such files")
    other = await fleet.new()
    with _secret(f"/{top}") as path:
        guest = await fleet.new()
        read = await guest.shell(f"cat {path}; ls -A /{top}; : >{path} && rm {path}; cat {path}")
        assert "secret" not in read.output.replace(path.name, "").replace(str(path), "")
        assert path.read_text() == "secret"
    await fleet.release(guest)
    await fleet.release(other)


async def test_what_only_the_machines_root_may_read_from_later_on(
    fleet: Fleet, walled: Guest
) -> None:
    """Made, or closed, while the instance runs."""
    if os.geteuid():
        pytest.skip("only root can make such files")
    tops = [f"/{name}" for name in mask.kept_directories()]
    if fleet.mode is Mode.NAMESPACES_ROOT and sys.base_prefix not in ("/usr", "/usr/local"):
        tops.append(sys.base_prefix)
    with ExitStack() as made:
        for top in tops:
            path = made.enter_context(_secret(top))
            closed = made.enter_context(_secret(top, mode=0o644))
            assert (await walled.run("cat", str(closed))).output == "secret", closed
            closed.chmod(0o640)
            folder = Path(made.enter_context(tempfile.TemporaryDirectory(dir=top)))
            (folder / "within").write_text("secret")
            for one in (path, closed, folder / "within"):
                tried = f"cat {one}; cp {one} /tmp/copy; ln {one} {one}2; mv {one} /tmp/moved;"
                read = await walled.shell(f"{tried} chmod a+r {one}; cat {one} /tmp/[cm]* {one}2")
                assert "secret" not in read.output, read.output
                assert read.code, read.output
                assert one.read_text() == "secret"


async def test_sockets_and_pipes_of_the_machine_lead_nowhere(walled: Guest) -> None:
    if os.geteuid():
        pytest.skip("only root can make such files")
    with (
        tempfile.TemporaryDirectory(dir="/var") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        os.chmod(folder, 0o755)
        listener.bind(f"{folder}/socket")
        listener.listen()
        os.mkfifo(f"{folder}/pipe")
        for name in ("socket", "pipe"):
            os.chmod(f"{folder}/{name}", 0o666)
        reader = os.open(f"{folder}/pipe", os.O_RDONLY | os.O_NONBLOCK)
        tried = await walled.python(
            "import os, socket\n"
            f"code = socket.socket(socket.AF_UNIX).connect_ex('{folder}/socket')\n"
            f"try: os.open('{folder}/pipe', os.O_WRONLY | os.O_NONBLOCK)\n"
            "except OSError: print('alone', code)"
        )
        os.close(reader)
    assert tried.output in (f"alone {errno.ECONNREFUSED}\n", f"alone {errno.ENOENT}\n")


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not here")
async def test_where_ids_of_files_cannot_be_mapped(tmp_path: Path) -> None:
    """As for root of a container, whose files lie in an overlay."""
    who = somebody(Mode.NAMESPACES_ROOT)
    if why := refusal(who):
        pytest.skip(why)
    (tmp_path / "empty").mkdir()
    python = tmp_path / "python"
    mounted = f"mount -t overlay overlay -o lowerdir=/usr:{tmp_path}/empty /usr"
    python.write_text(
        f'#!/bin/sh\nexec unshare -m sh -c \'{mounted} && exec "$@"\' sh {who.python} "$@"\n'
    )
    python.chmod(0o755)
    async with fleet_of(replace(who, python=str(python))) as fleet:
        guest = await fleet.new()
        assert (await guest.run("stat", "-c", "%u", "/usr/bin/env")).output == "65534\n"
        await guest.power("reboot")
        again = await fleet.guest_after(guest)
        wrote = await again.shell("cd /usr/local/bin && echo echo own >own && chmod +x own && own")
        assert wrote.output == "own\n"
        with _secret("/usr") as path:
            assert (await again.run("cat", str(path))).code == 1
        await fleet.release(again)


async def test_no_password_is_told(walled: Guest) -> None:
    shadow = await walled.run("cat", "/etc/shadow")
    assert shadow.code or all(
        line.split(":")[1] in ("*", "!", "!*") for line in shadow.output.split()
    )
    keys = await walled.shell("cat /etc/ssh/ssh_host_*_key /root/.ssh/* 2>&1 | grep PRIVATE")
    assert keys.output == ""


async def test_the_machine_keeps_its_name_and_its_files(walled: Guest) -> None:
    name, files = socket.gethostname(), os.listdir("/etc")
    changed = await walled.shell("hostname other; rm -rf /etc/[a-p]* 2>/dev/null; hostname")
    assert changed.output.splitlines()[-1] == "other"
    assert (socket.gethostname(), os.listdir("/etc")) == (name, files)


async def test_who_root_is_on_the_machine(fleet: Fleet, walled: Guest) -> None:
    users = (await walled.run("cat", "/proc/self/uid_map")).output.split()
    if fleet.mode is Mode.NAMESPACES_ROOT:
        assert int(users[1]) >= 0x70000000
    else:
        assert users == ["0", "0", "1"] or users[1] == str(fleet.who.user or os.geteuid())


@contextmanager
def _abstract_socket() -> Iterator[str]:
    """Somebody outside who answers; the name is a mark of the machine as well."""
    mark = f"cloudhand-mark-{secrets.token_hex(4)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{mark}")
        listener.listen()
        yield mark


@contextmanager
def _secret(folder: str, mode: int = 0o600) -> Iterator[Path]:
    path = Path(folder, f".cloudhand-test-{secrets.token_hex(4)}")
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w") as file:
        file.write("secret")
    try:
        yield path
    finally:
        path.unlink()


def _handle() -> str:
    """By which who may could open a file of the machine, wherever it is."""
    handle = ctypes.create_string_buffer(8 + 128)
    ctypes.c_uint.from_buffer(handle).value = 128
    found = ctypes.CDLL(None, use_errno=True).name_to_handle_at(
        -100, b"/etc/passwd", handle, ctypes.byref(ctypes.c_int()), 0
    )
    if found:
        return ""
    return handle.raw.hex()
