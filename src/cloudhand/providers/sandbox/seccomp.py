"""System calls that plain processes are refused, by a filter that all they start inherits.

A filter sees numbers, not paths: it can tell a socket of this machine's from one of the network,
but not who would answer. Linux on x86-64 and 64-bit ARM; elsewhere nothing is refused.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import NamedTuple

from cloudhand.providers.sandbox import kernel

_LOAD = 0x20
_AND = 0x54
_EQUAL = 0x15
_AT_LEAST = 0x35
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # where they lie in what a filter looks at
_EVERYBODY = 0xFFFFFFFF  # kill(-1)
_KIND_OF_SOCKET = 0xF  # the other bits are flags
_X32 = 0x40000000  # from here on numbers of another calling convention


class _Machine(NamedTuple):
    architecture: int
    numbers: dict[str, int]
    older: dict[str, int]  # of its 32-bit programs


# Numbers from 424 on are the same on all machines.
_SAME = {"io_uring_setup": 425, "pidfd_open": 434}
_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        {
            "socket": 41,
            "kill": 62,
            "rt_sigqueueinfo": 129,
            "reboot": 169,
            "tkill": 200,
            "tgkill": 234,
            "kexec_load": 246,
            "kexec_file_load": 320,
        },
        {"reboot": 88, "kexec_load": 283},
    ),
    "aarch64": _Machine(
        0xC00000B7,
        {
            "kexec_load": 104,
            "kill": 129,
            "tkill": 130,
            "tgkill": 131,
            "rt_sigqueueinfo": 138,
            "reboot": 142,
            "socket": 198,
            "kexec_file_load": 294,
        },
        {"reboot": 88, "kexec_load": 347},
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),  # instructions to skip
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction))]


_Code = list[tuple[int, int, int, int]]


def refuse(*, callers: bool) -> bool:
    """Refuse what takes the machine down, and with ``callers`` to call its services.

    Such calls are those to sockets with a path, other than of datagrams, which logs are written
    with. For good, and for all that is started from here. False where nothing can be refused.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    code = _filter(machine, callers=callers)
    instructions = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
    program = _Program(length=len(code), first=instructions)
    try:
        kernel.filter_calls(ctypes.addressof(program))
    except OSError as error:
        if error.errno != errno.EINVAL:  # a kernel without filters
            raise
        return False
    return True


def _filter(machine: _Machine, *, callers: bool) -> _Code:
    numbers = machine.numbers | _SAME
    code: _Code = [(_LOAD, 0, 0, _NUMBER)]
    if machine is _MACHINES["x86_64"]:
        code += [(_AT_LEAST, 0, 1, _X32), _no(errno.ENOSYS)]
    for name in ("reboot", "kexec_load", "kexec_file_load"):
        code += _when(numbers[name], [_no(errno.EPERM)])
    # The machine's own init, and everybody at once.
    for name in ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "pidfd_open"):
        code += _when(numbers[name], _unless_argument(1, _EVERYBODY))
    if callers:
        code += _when(numbers["socket"], _unless_local())
        code += _when(numbers["io_uring_setup"], [_no(errno.EPERM)])  # it makes sockets unseen
    code.append(_yes())
    foreign: _Code = [(_LOAD, 0, 0, _NUMBER)]
    for number in machine.older.values():
        foreign += _when(number, [_no(errno.EPERM)])
    foreign.append(_yes())
    start: _Code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 0, len(code), machine.architecture)]
    return [*start, *code, *foreign]


def _when(number: int, then: _Code) -> _Code:
    return [(_EQUAL, 0, len(then), number), *then]


def _unless_argument(*values: int) -> _Code:
    code: _Code = [(_LOAD, 0, 0, _ARGUMENTS)]
    for value in values:
        code += _when(value, [_no(errno.EPERM)])
    return [*code, _yes()]


def _unless_local() -> _Code:
    kind: _Code = [
        *((_LOAD, 0, 0, _ARGUMENTS + 8), (_AND, 0, 0, _KIND_OF_SOCKET)),
        *_when(socket.SOCK_DGRAM, [_yes()]),
        _no(errno.EACCES),
    ]
    return [(_LOAD, 0, 0, _ARGUMENTS), *_when(socket.AF_UNIX, kind), _yes()]


def _no(number: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ERRNO | number)


def _yes() -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _ALLOW)
