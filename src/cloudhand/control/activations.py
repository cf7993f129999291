"""Permissions to join."""

from __future__ import annotations

import base64
from dataclasses import replace
from hashlib import sha256

from cloudhand.control.settings import ControlSettings
from cloudhand.core import ids
from cloudhand.core.activation import Activation
from cloudhand.core.clock import Clock
from cloudhand.core.errors import ActivationNotFound, NotEmpty, TooMany
from cloudhand.core.ids import ActivationId, RandomBytes
from cloudhand.core.orders import ActivationFilter, NewActivation, Once
from cloudhand.core.page import Page, Window
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_CODE_SIZE = 24  # random bytes of a code


def new_code(random: RandomBytes) -> str:
    """Codes look like those of the real service: a- and base64."""
    return "a-" + base64.b64encode(random(_CODE_SIZE)).decode()


def hashed(code: str) -> bytes:
    """What is kept of a code. It is random, so one plain hash is enough."""
    return sha256(code.encode()).digest()


class Activations:
    def __init__(
        self, database: Database, clock: Clock, random: RandomBytes, settings: ControlSettings
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._settings = settings

    async def create(self, order: NewActivation) -> tuple[Activation, str]:
        """The activation and its code, which is told here and never again."""
        code = new_code(self._random)
        activation = Activation(
            id=ids.activation_id(self._random),
            code_hash=hashed(code),
            created_at=self._clock.now(),
            time_to_live=order.time_to_live,
            instance_count=order.instance_count,
            instance_name=order.instance_name,
            description=order.description,
            ip_address_range=order.ip_address_range,
            resource_group_id=order.resource_group_id,
            tags=order.tags,
        )

        async def work(tx: Transaction) -> tuple[ActivationId, str]:
            earlier = await tx.tokens.earlier(order.once, tuple[ActivationId, str])
            if earlier is not None:
                return earlier
            await self._check_room(tx)
            await tx.activations.add(activation)
            answer = activation.id, code
            await tx.tokens.remember(order.once, answer, at=activation.created_at)
            return answer

        activation_id, code_told = await self._database.write(work)
        return await self._get(activation_id), code_told

    async def _check_room(self, tx: Transaction) -> None:
        total, used = await tx.activations.counts()
        if total >= self._settings.activations_limit:
            raise TooMany("activations", self._settings.activations_limit)
        if total > self._settings.activations_unused and 2 * used <= total:
            raise TooMany("activations of which no more than half are used", total)

    async def disable(self, activation_id: ActivationId, *, once: Once | None) -> Activation:
        """No more machines join with it; ActivationNotFound."""
        now = self._clock.now()

        async def work(tx: Transaction) -> Activation:
            earlier = await tx.tokens.earlier(once, Activation)
            if earlier is not None:
                return earlier
            disabled = replace(await _listed(tx, activation_id), disabled=True)
            await tx.activations.disable(activation_id)
            await tx.tokens.remember(once, disabled, at=now)
            return disabled

        return await self._database.write(work)

    async def delete(self, activation_id: ActivationId, *, once: Once | None) -> Activation:
        """What it was; ActivationNotFound, or NotEmpty while machines are registered with it."""
        now = self._clock.now()

        async def work(tx: Transaction) -> Activation:
            earlier = await tx.tokens.earlier(once, Activation)
            if earlier is not None:
                return earlier
            activation = await _listed(tx, activation_id)
            if await tx.managed.any_of(activation_id):
                raise NotEmpty(f"activation {activation_id}", "registered machines")
            await tx.activations.remove(activation_id)
            await tx.tokens.remember(once, activation, at=now)
            return activation

        return await self._database.write(work)

    async def has(self, activation_id: ActivationId) -> bool:
        """Whether it is one of these, those of our own instances too."""

        async def work(tx: Transaction) -> bool:
            return await tx.activations.get(activation_id) is not None

        return await self._database.read(work)

    async def find(self, wanted: ActivationFilter, window: Window) -> Page[Activation]:
        async def work(tx: Transaction) -> Page[Activation]:
            return await tx.activations.find(wanted, window)

        return await self._database.read(work)

    async def _get(self, activation_id: ActivationId) -> Activation:
        async def work(tx: Transaction) -> Activation:
            return await _listed(tx, activation_id)

        return await self._database.read(work)


async def _listed(tx: Transaction, activation_id: ActivationId) -> Activation:
    """One that callers know of: ActivationNotFound for those of our own instances, too."""
    activation = await tx.activations.get(activation_id)
    if activation is None or activation.instance_id is not None:
        raise ActivationNotFound(activation_id)
    return activation
