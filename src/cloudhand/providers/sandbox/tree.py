"""The file system of an instance, built in a mount namespace that nobody else sees.

The machine's directories are its lower layers; what it writes lies in its own directory. In the
instance's tree no symbolic link is ever followed, since the instance may have made it, and the
machine's root writes nothing there but in file systems that it mounted itself.
"""

from __future__ import annotations

import errno
import os
import time

from cloudhand.providers.sandbox import kernel, lower, mask
from cloudhand.providers.sandbox.plan import Launch, Mode, Runtime

RUN = "/run/cloudhand"  # inside: what the launcher gives for one boot
_BUSY_WAIT = 2.0  # seconds until the kernel lets go of the layers of the boot before
_CANNOT_MAP = (errno.EINVAL, errno.EPERM, errno.EOPNOTSUPP)
_EMPTY = ("home", "media", "mnt")
_PROC_READ_ONLY = ("acpi", "bus", "fs", "irq", "scsi", "sys", "sysrq-trigger")
_PROC_HIDDEN = (
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "sched_debug",
    "slabinfo",
    "timer_list",
    "timer_stats",
    "vmallocinfo",
)
_SYS_HIDDEN = (
    "firmware",
    "fs/bpf",
    "fs/pstore",
    "kernel/debug",
    "kernel/security",
    "kernel/tracing",
    "power",
)
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")


class Tree:
    """Built in the instance's directory, which is the working directory, below ``mnt``."""

    def __init__(self, runtime: Runtime, launch: Launch, owner: int) -> None:
        """``owner`` is a descriptor of the user namespace that the instance is going to have."""
        self._runtime = runtime
        self._launch = launch
        self._owner = owner
        self._as_root = runtime.mode is Mode.NAMESPACES_ROOT
        self._base = launch.base if self._as_root else 0
        self._shift = self._as_root  # until the kernel refuses
        self._root = -1

    def build(self) -> None:
        """All but /proc, which only a process of the instance can mount."""
        kernel.mount("tmpfs", "mnt", options=f"mode=755{self._ids()}")
        for name in ("skeleton", "merged", "low", "seen", "mask", "empty"):
            os.mkdir(f"mnt/{name}", 0o755)
        self._skeleton()
        self._overlay("root", "mnt/skeleton", "mnt/merged")
        self._root = os.open("mnt/merged", os.O_PATH | os.O_DIRECTORY)
        for top in mask.kept_directories():
            self._keep(top)
        self._temporary("tmp", "mode=1777")
        self._temporary("run", "mode=755")
        self._devices()
        self._sys()
        self._interpreter()
        self._hand_over()

    def finish(self) -> None:
        """Restrict /proc, once it is mounted, and make the tree the root."""
        for name in _PROC_READ_ONLY:
            self._cover(f"proc/{name}", f"mnt/merged/proc/{name}", read_only=True)
        for name in _PROC_HIDDEN:
            self._cover(f"proc/{name}", "/dev/null")
        boot_id = "mnt/boot-id"
        _write(boot_id, self._launch.boot_id.encode() + b"\n", 0o444)
        self._cover("proc/sys/kernel/random/boot_id", boot_id, read_only=True)
        os.chdir("mnt/merged")
        kernel.enter_root()

    def proc(self) -> str:
        """Where to mount /proc; valid in processes that share our descriptors."""
        return _path(self._walk("proc"))

    def _ids(self) -> str:
        return f",uid={self._base},gid={self._base}"

    def _own(self, path: str) -> None:
        os.chown(path, self._base, self._base)

    def _skeleton(self) -> None:
        """The lowest layer of the root directory: what every machine has."""
        os.chown("mnt/skeleton", self._base, self._base)
        kept = mask.kept_directories()
        for name in (*kept, *_EMPTY, "dev", "proc", "run", "sys"):
            os.mkdir(f"mnt/skeleton/{name}", 0o755)
            self._own(f"mnt/skeleton/{name}")
        for name, mode in (("root", 0o700), ("tmp", 0o1777)):
            os.mkdir(f"mnt/skeleton/{name}")
            os.chmod(f"mnt/skeleton/{name}", mode)
            self._own(f"mnt/skeleton/{name}")
        for name in mask.KEPT:
            if os.path.islink(f"/{name}"):
                os.symlink(os.readlink(f"/{name}"), f"mnt/skeleton/{name}")

    def _keep(self, top: str) -> None:
        """Show the machine's directory, with what the instance changed in it."""
        target = _path(self._walk(top))
        if not self._as_root:
            self._overlay(top, f"/{top}", target)
            return
        _make_points(top)
        seen = self._lower(top)
        front = self._front(top)
        try:
            self._overlay(top, f"{front}:{seen}", target)
        except OSError as error:
            if self._shift or error.errno != errno.EINVAL:
                raise
            # It is an overlay itself, and the kernel stacks only two.
            self._overlay(top, f"{front}:mnt/low/{top}", target)

    def _front(self, top: str) -> str:
        layer = f"mnt/mask/{top}"
        os.mkdir(layer)
        if self._shift:
            mask.build(layer, top, self._launch.hidden.get(top, []), self._base)
        else:
            mask.open_up(layer, top, self._base, self._base)
        return layer

    def _lower(self, top: str) -> str:
        if self._shift:
            try:
                return lower.show(f"/{top}", top, self._owner)
            except OSError as error:
                if error.errno not in _CANNOT_MAP:
                    raise
                # Then the machine's files belong to nobody, and the kernel itself hides what
                # others may not read.
                self._shift = False
        return lower.show(f"/{top}", top, None)

    def _overlay(self, name: str, lowest: str, target: str) -> None:
        # Paths relative to the instance's directory: no path of the machine shows inside.
        layers = f"lowerdir={lowest},upperdir=layers/{name}/up,workdir=layers/{name}/work"
        if not self._as_root:
            layers += ",userxattr"
        deadline = time.monotonic() + _BUSY_WAIT
        while True:
            try:
                kernel.mount("overlay", target, flags=kernel.NODEV, options=layers)
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        # A layer that the kernel cannot write to is mounted read-only without a word.
        try:
            os.mkdir(f"{target}/.cloudhand-writes")
            os.rmdir(f"{target}/.cloudhand-writes")
        except OSError as error:
            raise OSError(error.errno, f"cannot write to layer {name}: {error}") from None

    def _walk(self, path: str, *, make: bool = False) -> int:
        """A descriptor of a directory or file of the tree; follows no symbolic link."""
        parent = os.open(".", os.O_PATH | os.O_DIRECTORY, dir_fd=self._root)
        for part in path.split("/"):
            if make:
                self._make(part, parent)
            try:
                below = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent)
            finally:
                os.close(parent)
            parent = below
        return parent

    def _make(self, name: str, parent: int) -> None:
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            return
        os.chown(name, self._base, self._base, dir_fd=parent, follow_symlinks=False)

    def _cover(
        self, path: str, source: str, *, read_only: bool = False, shift: bool = False
    ) -> None:
        """Put a file or directory of the machine over one of the tree, if there is one."""
        try:
            point = self._walk(path)
        except FileNotFoundError:
            return
        self._bind(source, point, path, read_only=read_only, shift=shift)

    def _bind(
        self, source: str, point: int, path: str, *, read_only: bool, shift: bool = False
    ) -> None:
        tree = kernel.tree(source)
        flags = kernel.RDONLY if read_only else 0
        if shift:
            kernel.restrict(tree, flags | kernel.NODEV, owner=self._owner)
        elif flags:
            kernel.restrict(tree, flags)
        kernel.attach(tree, point, f"/{path}")
        os.close(point)
        os.close(tree)

    def _temporary(self, path: str, options: str) -> None:
        point = self._walk(path)
        flags = kernel.NODEV | kernel.NOSUID
        kernel.mount("tmpfs", _path(point), flags=flags, options=options + self._ids())
        os.close(point)

    def _devices(self) -> None:
        self._temporary("dev", "mode=755")
        dev = _path(self._walk("dev"))
        for name in _DEVICES:
            os.close(os.open(f"{dev}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            self._cover(f"dev/{name}", f"/dev/{name}")
        for name in ("pts", "shm"):
            os.mkdir(f"{dev}/{name}", 0o755)
            self._own(f"{dev}/{name}")
        self._temporary("dev/shm", "mode=1777")
        terminals = "newinstance,ptmxmode=0666,mode=620"
        if self._as_root:
            terminals += f",gid={self._base + 5}"
        flags = kernel.NOSUID | kernel.NOEXEC
        kernel.mount("devpts", _path(self._walk("dev/pts")), flags=flags, options=terminals)
        links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
        links.update({f"std{n}": f"/proc/self/fd/{i}" for i, n in enumerate(("in", "out", "err"))})
        for name, target in links.items():
            os.symlink(target, f"{dev}/{name}")

    def _sys(self) -> None:
        point = self._walk("sys")
        if self._as_root:
            flags = kernel.RDONLY | kernel.NOSUID | kernel.NODEV | kernel.NOEXEC
            kernel.mount("sysfs", _path(point), flags=flags)
        else:
            tree = kernel.tree("/sys", recursive=True)
            kernel.restrict(tree, kernel.RDONLY, recursive=True)
            kernel.attach(tree, point, "/sys")
            os.close(tree)
        os.close(point)
        for name in _SYS_HIDDEN:
            self._cover(f"sys/{name}", "mnt/empty", read_only=True)

    def _interpreter(self) -> None:
        """The Python that runs us, where it is not part of the machine's /usr."""
        prefix = self._runtime.python_prefix.strip("/")
        if prefix in ("usr", "usr/local"):
            return
        source, shift = f"/{prefix}", self._shift
        if shift:
            source, shift = self._shown_interpreter(source)
        point = self._walk(prefix, make=True)
        self._bind(source, point, prefix, read_only=True, shift=shift)

    def _shown_interpreter(self, prefix: str) -> tuple[str, bool]:
        """What to show of its directory, and whether to map ids: all if others may not run it."""
        _make_points("python")
        try:
            seen = lower.show(prefix, "python", self._owner)
            for path in (self._runtime.python, os.__file__):
                os.close(os.open(path.replace(prefix, seen, 1), os.O_RDONLY))
        except OSError as error:
            if error.errno == errno.EACCES:
                return prefix, True
            if error.errno not in _CANNOT_MAP:
                raise
            return prefix, False
        return seen, False

    def _hand_over(self) -> None:
        """What init and agent need in this boot, in a directory for the instance's root only."""
        target = f"{_path(self._walk('run'))}/cloudhand"
        os.mkdir(target, 0o755)
        for name in ("agent.pyz", "init.py"):
            os.close(os.open(f"{target}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            self._cover(f"run/cloudhand/{name}", f"{self._runtime.files}/{name}", read_only=True)
        with open(f"{self._runtime.files}/power.sh", "rb") as file:
            shim = file.read().replace(b"@INIT@", b"1").replace(b"@RUN@", RUN.encode())
        _write(f"{target}/power", shim, 0o755)
        for name, mode in (("boot.json", 0o600), ("user-data", 0o700)):
            try:
                with open(name, "rb") as file:
                    _write(f"{target}/{name}", file.read(), mode)
            except FileNotFoundError:
                continue
            self._own(f"{target}/{name}")
        self._own(target)


def _make_points(name: str) -> None:
    for folder in ("low", "seen"):
        os.mkdir(f"mnt/{folder}/{name}")


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _write(path: str, content: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)
