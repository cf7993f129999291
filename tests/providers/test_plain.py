"""Plain processes: no wall, but this machine's power is out of their reach."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cloudhand.providers.sandbox import init, kernel, plain
from cloudhand.providers.sandbox.plan import Mode
from tests.providers.fleet import BOUND, Fleet, Guest, fleet_of, somebody

pytestmark = pytest.mark.asyncio(loop_scope="module")

_landlock = pytest.mark.skipif(not kernel.landlock_abi(), reason="this kernel has no Landlock")
_scoped = pytest.mark.skipif(not kernel.scoped(), reason="Landlock scopes no signals here")


_numbered = pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "aarch64"), reason="the numbers of calls are not known"
)
_CALLS = """
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
intel = os.uname().machine == "x86_64"

def tell(name, result):
    print(name, errno.errorcode[ctypes.get_errno()] if result < 0 else "done")

# Let through, each of these would be an error or ask for nothing.
tell("reboot", libc.syscall(169 if intel else 142, 0, 0, 0, 0))
tell("kexec", libc.syscall(246 if intel else 104, 0, 99, None, -1))
tell("init", libc.kill(1, 0))
tell("everybody", libc.kill(-1, 0))
tell("pidfd", libc.syscall(434, 1, 0))
tell("oneself", libc.kill(os.getpid(), 0))
tell("stream", libc.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0))
tell("packets", libc.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0))
tell("log", libc.socket(socket.AF_UNIX, socket.SOCK_DGRAM, 0))
tell("network", libc.socket(socket.AF_INET, socket.SOCK_STREAM, 0))
tell("ring", libc.syscall(425, 0, None))
socket.socketpair()
"""
_FILTERED = """
import subprocess, sys
from cloudhand.providers.sandbox import kernel, seccomp
kernel.forgo_new_privileges()
seccomp.refuse(callers=%r) or sys.exit("nothing can be refused here")
sys.exit(subprocess.run([sys.executable, "-c", sys.argv[1]]).returncode)
"""
_OPENED = """
import os
from cloudhand.providers.sandbox import kernel, plain
kernel.confine(None, plain.writables())
for path in ("/proc/sysrq-trigger", "/sys/power/state", "/proc/sys/kernel/sysrq", "/dev/null"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("open")
    except OSError as error:
        print(error.errno)
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def plain_fleet() -> AsyncIterator[Fleet]:
    async with fleet_of(somebody(Mode.PROCESSES)) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def inside(plain_fleet: Fleet) -> AsyncIterator[Guest]:
    one = await plain_fleet.new()
    yield one
    await plain_fleet.release(one)


@_landlock
async def test_the_machines_power_tools_cannot_be_run_by_any_path(inside: Guest) -> None:
    tools = plain.power_tools()
    if not tools:
        pytest.skip("this machine has no power tools")
    for path in tools:
        done = await inside.run(path, "--help")  # of all that they do, what harms nobody
        assert (done.code, "Permission denied" in done.output) == (127, True), path


async def test_the_first_tools_found_are_those_that_ask_the_instance(inside: Guest) -> None:
    found = await inside.shell(f"for name in {' '.join(init.SHIMS)}; do command -v $name; done")
    places = {os.path.dirname(path) for path in found.output.split()}
    assert len(places) == 1
    assert places.pop().endswith(f"/{inside.instance_id}/run/bin")


async def test_the_kernel_would_refuse_them(inside: Guest) -> None:
    """Looked up, not tried: were it otherwise, the machine would go down."""
    status = await inside.shell("grep -E '^Cap(Eff|Bnd)|^NoNewPrivs' /proc/self/status")
    seen = dict(line.split(":\t") for line in status.output.splitlines())
    boot = 1 << plain._CAPABILITIES["CAP_SYS_BOOT"]
    assert not int(seen["CapEff"], 16) & boot
    assert not int(seen["CapBnd"], 16) & boot or seen["NoNewPrivs"] == "1"


@_numbered
@pytest.mark.parametrize("callers", [True, False])
async def test_refused_calls(callers: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILTERED % callers, _CALLS],
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split() for line in done.stdout.splitlines())
    if not callers:
        assert told.pop("ring") in ("EINVAL", "EFAULT", "ENOSYS", "EPERM")  # the kernel's answer
    refused = dict.fromkeys(("reboot", "kexec", "init", "everybody", "pidfd"), "EPERM")
    local = {"stream": "EACCES", "packets": "EACCES", "ring": "EPERM"}
    served = dict.fromkeys(("stream", "packets"), "done")
    rest = dict.fromkeys(("oneself", "log", "network"), "done")
    assert told == refused | rest | (local if callers else served)


@_numbered
async def test_an_instance_is_filtered(inside: Guest) -> None:
    status = await inside.shell("grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status")
    assert status.output.split() == ["NoNewPrivs:", "1", "Seccomp:", "2"]


@_numbered
async def test_services_of_the_machine_cannot_be_called_by_path(
    plain_fleet: Fleet, inside: Guest
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        path = plain_fleet.folder / "service"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o666)
        tried = await inside.python(f"import socket; socket.socket(1).connect({str(path)!r})")
    if any(map(os.path.exists, plain.SERVICES)):
        assert "PermissionError" in tried.output
    else:  # nobody is there who would take the machine down
        assert tried.output == ""


@_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="nobody but root may write there anyway")
async def test_root_writes_nothing_where_a_word_takes_the_machine_down() -> None:
    """Only opened; nothing would be written."""
    done = subprocess.run(
        [sys.executable, "-c", _OPENED], capture_output=True, text=True, check=True
    )
    *refused, null = done.stdout.split()
    assert set(refused) <= {str(errno.EACCES), str(errno.EROFS), str(errno.ENOENT)}
    assert str(errno.EACCES) in refused
    assert null == "open"


@pytest.mark.skipif(kernel.landlock_abi() == 1, reason="the first Landlock allows no such moves")
async def test_files_move_between_directories(inside: Guest) -> None:
    done = await inside.shell(
        "cd $TMPDIR && mkdir a b && echo moved >a/one && ln a/one b/two && ln b/two $HOME/three &&"
        f' {inside.python_path} -c \'import os; os.rename("a/one", "b/one")\' && cat b/one'
    )
    assert done.output == "moved\n"


@_scoped
async def test_nobody_outside_can_be_signalled(inside: Guest) -> None:
    for pid in (1, os.getpid(), os.getppid()):
        done = await inside.shell(f"kill -0 {pid}")
        assert (done.code, "ermitted" in done.output) == (1, True), pid


async def test_the_buses_are_nowhere(inside: Guest) -> None:
    told = await inside.shell('echo "$DBUS_SYSTEM_BUS_ADDRESS $DBUS_SESSION_BUS_ADDRESS"')
    for address in told.output.split():
        assert not os.path.exists(address.removeprefix("unix:path="))


async def test_each_has_a_home_and_a_temporary_directory_of_its_own(
    plain_fleet: Fleet, inside: Guest
) -> None:
    other = await plain_fleet.new()
    await inside.shell("echo own >$HOME/mark; echo own >$TMPDIR/mark")
    assert (await other.shell("cat $HOME/mark $TMPDIR/mark")).output.count("No such file") == 2
    await inside.power("reboot")
    again = await plain_fleet.guest_after(inside)
    kept = await again.shell("cat $HOME/mark; cat $TMPDIR/mark")
    assert kept.output.startswith("own\n")
    assert "No such file" in kept.output
    await plain_fleet.release(other)
