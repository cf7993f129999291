"""Typed ids, their prefixes, and how they are spelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

InstanceId = NewType("InstanceId", str)  # i- or, for a managed instance, mi-
CommandId = NewType("CommandId", str)
InvokeId = NewType("InvokeId", str)
ActivationId = NewType("ActivationId", str)  # an upper-case UUID, as on the wire
BootId = NewType("BootId", str)  # of one boot of one machine
PowerActionId = NewType("PowerActionId", str)

RandomBytes = Callable[[int], bytes]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _spell(random: RandomBytes, length: int) -> str:
    number = int.from_bytes(random(length), "big")
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_DIGITS))
        letters.append(_DIGITS[rest])
    return "".join(letters)


def instance_id(random: RandomBytes) -> InstanceId:
    return InstanceId("i-ch" + _spell(random, 18))


def managed_instance_id(random: RandomBytes) -> InstanceId:
    return InstanceId("mi-ch" + _spell(random, 16))


def command_id(random: RandomBytes) -> CommandId:
    return CommandId("c-ch" + _spell(random, 16))


def invoke_id(random: RandomBytes) -> InvokeId:
    return InvokeId("t-ch" + _spell(random, 16))


def power_action_id(random: RandomBytes) -> PowerActionId:
    return PowerActionId("pa-ch" + _spell(random, 16))


def activation_id(random: RandomBytes) -> ActivationId:
    return ActivationId(uuid_text(random))


def request_id(random: RandomBytes) -> str:
    return uuid_text(random)


def uuid_text(random: RandomBytes) -> str:
    """An upper-case UUID of version 4, as the real service writes request ids."""
    raw = bytearray(random(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex().upper()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def managed(instance: InstanceId) -> bool:
    """Whether the id is that of a managed instance, which has no lifecycle."""
    return instance.startswith("mi-")
