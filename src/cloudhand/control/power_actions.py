"""The stops and restarts that exit codes ask for: told to proceed, to wait, or not to be done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from cloudhand.control import turns
from cloudhand.control.endings import booted
from cloudhand.control.settings import ControlSettings
from cloudhand.control.speaker import Speaker
from cloudhand.core import ids, power
from cloudhand.core.governor import Asker, Granted, Refused, Wait, Word
from cloudhand.core.ids import RandomBytes
from cloudhand.core.instance import INSTANCE, AgentKind, Instance
from cloudhand.core.instance import Event as InstanceEvent
from cloudhand.core.invocation import Target
from cloudhand.core.power import POWER
from cloudhand.core.verdict import Verdict
from cloudhand.store.transaction import Transaction
from cloudhand.wire import agent as wire

_MS = timedelta(milliseconds=1)
_GOVERNED_WAIT = timedelta(days=7)


class PowerActions:
    """Each method is part of a transaction."""

    def __init__(self, random: RandomBytes, settings: ControlSettings) -> None:
        self._random = random
        self._settings = settings

    async def follow(
        self,
        tx: Transaction,
        target: Target,
        speaker: Speaker,
        said: Verdict,
        now: datetime,
    ) -> wire.Ack:
        """Record the action that the agent takes as soon as it is told to proceed, or that its
        machine refuses."""
        assert said.power is not None
        action = power.PowerAction(
            id=ids.power_action_id(self._random),
            instance_id=speaker.id,
            invoke_id=target.invoke_id,
            run=target.run,
            kind=said.power,
            asked_at=now,
            ordered_at=now,
            deadline_at=now + self._settings.power_bound,
            boot_id_before=target.boot_id,
        )
        await tx.power_actions.add(action)
        if said.power_refused:
            await self._refuse(tx, action, said.error_info, now, source="agent")
            return wire.Ack(refused=True)
        if target.boot_id != speaker.boot_id:
            # The result comes after the boot: the machine did not wait for us any longer.
            await booted(tx, speaker.id, speaker.boot_id, now)
            return wire.Ack()
        return await self._next_step(tx, action, speaker, now, told=False)

    async def asked_again(
        self,
        tx: Transaction,
        target: Target,
        speaker: Speaker,
        report: wire.Report,
        now: datetime,
    ) -> wire.Ack:
        """Whether the power action of a result may follow that is known already."""
        asks = report.power or report.refusal
        action = (await tx.power_actions.of([target.key])).get(target.key) if asks else None
        if action is None or target.boot_id != speaker.boot_id:
            return wire.Ack()
        if report.refusal and POWER.hears(action.state, power.Event.REFUSED):
            await self._refuse(tx, action, report.refusal, now, source="agent")
            await turns.leave(tx, speaker.id, now)
            return wire.Ack(refused=True)
        match action.state:
            case power.State.REFUSED:
                return wire.Ack(refused=True)
            case power.State.HELD:
                return await self._next_step(tx, action, speaker, now, told=False)
            case power.State.ORDERED:
                return await self._next_step(tx, action, speaker, now, told=True)
            case power.State.OVERDUE:
                # Nobody waits for it any more; it has to wait for its turn all the same.
                return _answer(await self._word(tx, action, speaker, now))
            case power.State.DOWN | power.State.DONE:
                return wire.Ack()
            case _:
                assert_never(action.state)

    async def _next_step(
        self,
        tx: Transaction,
        action: power.PowerAction,
        speaker: Speaker,
        now: datetime,
        *,
        told: bool,
    ) -> wire.Ack:
        """Have it proceed, wait, or desist, as the governor says of restarts.

        ``told``: to proceed, once before; it has not heard that, or not in time.
        """
        word = await self._word(tx, action, speaker, now)
        match word:
            case Granted():
                if not told:
                    await self._proceed(tx, action, now)
            case Wait(why=why):
                await self._hold(tx, action, why, now)
            case Refused(why=why):
                await self._refuse(tx, action, why, now, source="governor")
            case _:
                assert_never(word)
        return _answer(word)

    async def _word(
        self, tx: Transaction, action: power.PowerAction, speaker: Speaker, now: datetime
    ) -> Word:
        if action.kind is power.Kind.STOP:  # it has no end that others could wait for
            return Granted()
        why = f"exit code of {action.invoke_id}"
        return await turns.ask(
            tx,
            Asker(id=speaker.id, boot_id=speaker.boot_id, why=why),
            await turns.groups_of(tx, speaker.id),
            random=self._random,
            now=now,
            # Compat: the published agent does not read that it has to wait.
            unstoppable=speaker.agent.kind is AgentKind.PUBLISHED,
        )

    async def _refuse(
        self, tx: Transaction, action: power.PowerAction, why: str, now: datetime, *, source: str
    ) -> None:
        await tx.power_actions.move(
            action, power.Event.REFUSED, at=now, source=source, reason=why, ordered_at=None
        )

    async def _hold(
        self, tx: Transaction, action: power.PowerAction, why: str, now: datetime
    ) -> None:
        until = now + self._settings.power_bound
        if action.state is power.State.HELD:
            await tx.power_actions.still_held(action, until=until, reason=why)
            return
        await tx.power_actions.move(
            action,
            power.Event.TOLD_TO_WAIT,
            at=now,
            source="governor",
            reason=why,
            ordered_at=None,
            deadline_at=until,
        )

    async def _proceed(self, tx: Transaction, action: power.PowerAction, now: datetime) -> None:
        if action.state is power.State.HELD:
            await tx.power_actions.move(
                action,
                power.Event.TOLD_TO_PROCEED,
                at=now,
                source="governor",
                reason="",
                ordered_at=now,
                deadline_at=now + self._settings.power_bound,
            )
        instance = await tx.instances.get(action.instance_id)
        if instance is not None:
            await order(tx, instance, action, now, self._settings)

    async def patience(self, tx: Transaction, speaker: Speaker) -> timedelta:
        """How long an agent that hears nothing is to wait before it acts all the same.

        Where others share a budget with it, it has to know.
        """
        governed = await turns.groups_of(tx, speaker.id)
        return _GOVERNED_WAIT if governed else self._settings.power_wait


async def order(
    tx: Transaction,
    instance: Instance,
    action: power.PowerAction,
    now: datetime,
    settings: ControlSettings,
) -> None:
    """Expect the instance to do what its agent was told to, and see to it from some time on.

    One that counts as stopped, though its agent speaks, is looked at first.
    """
    event = {
        power.Kind.STOP: InstanceEvent.STOP_ASKED,
        power.Kind.RESTART: InstanceEvent.REBOOT_ASKED,
    }[action.kind]
    if not INSTANCE.hears(instance.state, event):
        await tx.instances.look_at(instance.id, at=now)
        return
    await tx.instances.move(
        instance,
        event,
        at=now,
        source="agent",
        ordered_at=now + settings.own_doing,
        from_boot_id=instance.boot_id,
        forced=False,
    )


def _answer(word: Word) -> wire.Ack:
    match word:
        case Granted(lease=lease):
            return wire.Ack(within=lease // _MS if lease else 0)
        case Wait(again=again):
            return wire.Ack(proceed=False, hold=again // _MS)
        case Refused():
            return wire.Ack(refused=True)
        case _:
            assert_never(word)
