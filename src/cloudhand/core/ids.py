"""Typed ids, their prefixes, and how they are spelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NewType

InstanceId = NewType("InstanceId", str)  # i- or, for a managed instance, mi-
CommandId = NewType("CommandId", str)
InvokeId = NewType("InvokeId", str)  # t- or, where a file is sent, f-
ActivationId = NewType("ActivationId", str)  # an upper-case UUID, as on the wire
BootId = NewType("BootId", str)  # of one boot of one machine
PowerActionId = NewType("PowerActionId", str)
TemplateId = NewType("TemplateId", str)
ExecutionId = NewType("ExecutionId", str)
TaskExecutionId = NewType("TaskExecutionId", str)
FaultId = NewType("FaultId", str)
SessionId = NewType("SessionId", str)
SlotId = NewType("SlotId", str)  # of the governor
UpgradeId = NewType("UpgradeId", str)  # of an agent
StoredParameterId = NewType("StoredParameterId", str)  # p- or, for a secret one, sp-

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


def file_invoke_id(random: RandomBytes) -> InvokeId:
    return InvokeId("f-ch" + _spell(random, 16))


def power_action_id(random: RandomBytes) -> PowerActionId:
    return PowerActionId("pa-ch" + _spell(random, 16))


def session_id(random: RandomBytes) -> SessionId:
    """No longer than the 32 characters that its frames have for it."""
    return SessionId("s-ch" + _spell(random, 16))


def slot_id(random: RandomBytes) -> SlotId:
    return SlotId("slot-" + _spell(random, 8))


def upgrade_id(random: RandomBytes) -> UpgradeId:
    return UpgradeId("u-ch" + _spell(random, 16))


def fault_id(random: RandomBytes) -> FaultId:
    return FaultId("fault-" + _spell(random, 6))


def message_id(random: RandomBytes) -> str:
    """Of a message to people, by which who receives it knows a repetition."""
    return "msg-ch" + _spell(random, 16)


def account_id(random: RandomBytes) -> str:
    """16 digits, as accounts of the real service have."""
    return f"1{int.from_bytes(random(8), 'big') % 10**15:015}"


def template_id(random: RandomBytes) -> TemplateId:
    return TemplateId("t-" + random(10).hex())


def stored_parameter_id(random: RandomBytes, *, secret: bool) -> StoredParameterId:
    return StoredParameterId(("sp-" if secret else "p-") + random(10).hex())


def execution_id(random: RandomBytes) -> ExecutionId:
    return ExecutionId("exec-" + random(10).hex())


def task_execution_id(execution: ExecutionId, index: int) -> TaskExecutionId:
    """Of a task of an execution, by its place in the template, from 0."""
    return TaskExecutionId(f"{execution}.t{index + 1:04d}")


def item_id(task: TaskExecutionId, index: int) -> TaskExecutionId:
    """Of an item of a looped task, by its place in the loop, from 0."""
    return TaskExecutionId(f"{task}.{index + 1:04d}")


def execution_of(task: TaskExecutionId) -> ExecutionId:
    """Which execution a task, or an item of a looped one, belongs to."""
    return ExecutionId(task.rpartition(".t")[0])


def child_id(task: TaskExecutionId, attempt: int) -> ExecutionId:
    """Of the execution of the template that a task embeds: the same however often one asks."""
    return ExecutionId(task if attempt == 1 else f"{task}r{attempt}")


def firing_id(execution: ExecutionId, number: int) -> ExecutionId:
    """Of what a trigger has started, from 1."""
    return ExecutionId(f"{execution}.{number:04d}")


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
