"""The system calls that instances are made with and that Python does not offer.

Every call raises OSError with a text that says what was tried. Linux on x86-64 and 64-bit ARM.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

NEWNS = 0x00020000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
_CLONE_PARENT = 0x00008000

RDONLY = 1
NOSUID = 2
NODEV = 4
NOEXEC = 8
_REC = 0x4000
_PRIVATE = 1 << 18
_DETACH = 2

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_EMPTY_PATHS = 0x4 | 0x40
_ATTR_IDMAP = 0x00100000

_NOBODY = 65534  # for files only
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_FILTER = 2
_KEYCTL_JOIN_SESSION = 1

# Numbers from 424 on are the same on all machines.
_OLD_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "keyctl": 250},
    "aarch64": {"clone": 220, "pivot_root": 41, "keyctl": 219},
}
_OPEN_TREE = 428
_MOVE_MOUNT = 429
_CLOSE_RANGE = 436
_MOUNT_SETATTR = 442
_LANDLOCK_CREATE = 444
_LANDLOCK_ADD = 445
_LANDLOCK_RESTRICT = 446
_PATH_BENEATH = 1
_FS_EXECUTE = 1
_FS_WRITE = 2
_FS_REFER = 1 << 13  # to link and rename from one directory to another
_REFER_SINCE = 2  # Landlock ABI
_SCOPE_ALL = 3  # abstract sockets and signals
_SCOPES_SINCE = 6  # Landlock ABI

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("fs", "net", "scoped")]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _call(number: int, what: str, *arguments: object) -> int:
    words = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    return _checked(_libc.syscall(ctypes.c_long(number), *words), what)


def _old(name: str) -> int:
    machine = os.uname().machine
    if machine not in _OLD_NUMBERS:
        raise OSError(f"{name}: not known for {machine} machines")
    return _OLD_NUMBERS[machine][name]


def unshare(flags: int, what: str) -> None:
    _checked(_libc.unshare(ctypes.c_int(flags)), what)


def enter(namespace: int, what: str) -> None:
    _checked(_libc.setns(ctypes.c_int(namespace), ctypes.c_int(0)), what)


def clone_sibling(flags: int) -> int:
    """Fork into new namespaces; our own parent becomes the parent. 0 in the new process.

    For processes with one thread only, and the new one must exec soon: Python does not know
    that it was forked.
    """
    what = "cannot make namespaces"
    return _call(_old("clone"), what, flags | _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)


def make_private() -> None:
    """Keep every mount from now on out of other namespaces."""
    none = ctypes.c_char_p(None)
    result = _libc.mount(none, b"/", none, ctypes.c_ulong(_REC | _PRIVATE), none)
    _checked(result, "cannot make mounts private")


def mount(kind: str, target: str, *, flags: int = 0, options: str = "") -> None:
    result = _libc.mount(
        kind.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _checked(result, f"cannot mount {kind} ({options})" if options else f"cannot mount {kind}")


def detach(target: str) -> None:
    _checked(_libc.umount2(target.encode(), _DETACH), f"cannot detach {target}")


def enter_root() -> None:
    """Make the working directory, a mount, the root, and let go of the old one."""
    _call(_old("pivot_root"), "cannot change the root", b".", b".")
    detach(".")
    os.chdir("/")


@contextmanager
def as_nobody() -> Iterator[None]:
    """Look at files as others do, while still free to mount.

    An id other than root's for files takes the capabilities over files along, until it is
    root's again.
    """
    groups = os.getgroups()
    os.setgroups([])
    _libc.setfsgid(_NOBODY)
    _libc.setfsuid(_NOBODY)
    try:
        yield
    finally:
        _libc.setfsuid(0)
        _libc.setfsgid(0)
        os.setgroups(groups)


def tree(path: str, *, recursive: bool = False) -> int:
    """A detached copy of the mount at path, as a descriptor."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return _call(_OPEN_TREE, f"cannot copy mount {path}", _AT_FDCWD, path.encode(), flags)


def restrict(tree: int, flags: int, *, owner: int | None = None, recursive: bool = False) -> None:
    """Add mount flags to a tree, and show its ids through the user namespace ``owner``."""
    attr = _MountAttr(set=flags)
    what = "cannot restrict a mount"
    if owner is not None:
        attr.set |= _ATTR_IDMAP
        attr.userns = owner
        what = "cannot shift the ids of a mount"
    at = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    _call(_MOUNT_SETATTR, what, tree, b"", at, ctypes.byref(attr), ctypes.sizeof(attr))


def attach(tree: int, target: int, what: str) -> None:
    """Put a tree over the file or directory behind the descriptor ``target``."""
    _call(_MOVE_MOUNT, f"cannot mount {what}", tree, b"", target, b"", _MOVE_EMPTY_PATHS)


def new_keyring() -> None:
    """Leave the session keyring of whoever started us."""
    _call(_old("keyctl"), "cannot make a keyring", _KEYCTL_JOIN_SESSION, None)


def die_with_parent(number: int) -> None:
    """Get this signal when the thread that started us ends. A change of ids forgets it."""
    _prctl(_PR_SET_PDEATHSIG, number, "cannot tie a process to its parent")


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends; survives exec."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "cannot adopt orphans")


def forgo_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "cannot forgo new privileges")


def filter_calls(program: int) -> None:
    """Have a seccomp filter at this address decide on each system call from now on."""
    words = [ctypes.c_ulong(word) for word in (_SECCOMP_FILTER, program, 0, 0)]
    result = _libc.prctl(ctypes.c_int(_PR_SET_SECCOMP), *words)
    _checked(result, "cannot filter system calls")


def drop_from_bounding_set(capability: int) -> None:
    _prctl(_PR_CAPBSET_DROP, capability, "cannot drop a capability")


def _prctl(option: int, value: int, what: str) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), what)


def close_from(first: int) -> None:
    """Close every descriptor from ``first`` on."""
    _call(_CLOSE_RANGE, "cannot close descriptors", first, 0xFFFFFFFF, 0)


def landlock_abi() -> int:
    """0 where the kernel has no Landlock."""
    try:
        return _call(_LANDLOCK_CREATE, "no Landlock", None, 0, 1)
    except OSError:
        return 0


def scoped() -> bool:
    """Whether Landlock can keep a process from signalling and calling those outside."""
    return landlock_abi() >= _SCOPES_SINCE


def confine(
    executables: Iterable[str] | None = None, writables: Iterable[str] | None = None
) -> None:
    """Confine this process and all it starts, as far as the kernel's Landlock can.

    Signals and abstract sockets end at the border. With ``executables``, files and directories,
    nothing else can be executed; with ``writables`` nothing else can be written to.
    """
    abi = landlock_abi()
    wanted = ((_FS_EXECUTE, executables), (_FS_WRITE, writables))
    allowed = {access: paths for access, paths in wanted if paths is not None}
    if allowed and abi >= _REFER_SINCE:
        allowed[_FS_REFER] = ["/"]  # refused by any rules that do not allow it
    rules = _Ruleset(fs=sum(allowed))
    if abi >= _SCOPES_SINCE:
        rules.scoped = _SCOPE_ALL
    if (not rules.fs and not rules.scoped) or not abi:
        return
    size = {1: 8, 2: 8, 3: 8, 4: 16, 5: 16}.get(abi, ctypes.sizeof(rules))
    ruleset = _call(_LANDLOCK_CREATE, "cannot make Landlock rules", ctypes.byref(rules), size, 0)
    for access, paths in allowed.items():
        for path in paths:
            _allow_beneath(ruleset, path, access)
    _call(_LANDLOCK_RESTRICT, "cannot apply Landlock rules", ruleset, 0)
    os.close(ruleset)


def _allow_beneath(ruleset: int, path: str, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH)
    except OSError:
        return  # what cannot be opened cannot be used either
    rule = _PathBeneath(allowed=access, parent=parent)
    what = f"cannot add a Landlock rule for {path}"
    _call(_LANDLOCK_ADD, what, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(parent)
