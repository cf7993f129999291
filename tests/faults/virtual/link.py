"""The way between a simulated agent and the control plane, and all that can befall it."""

from __future__ import annotations

import random
from enum import Enum

from tests.faults.virtual.ground import Answer, Ground, Question

_GIVES_UP = 10.0  # seconds after which an agent takes a question for lost
_SLOW = (2.0, 9.0)  # seconds that a slow way takes
_LATE = (11.0, 40.0)  # seconds after which arrives what was overtaken by what was said later


class Unavailable(Exception):
    """There is no answer; whether the question was heard, its asker cannot know."""


class NotDone(Unavailable):
    """What was asked for is refused."""


class Way(Enum):
    OPEN = "open"
    CUT = "cut"
    DARK = "dark"  # half-open: nobody says that nothing passes
    REFUSED = "refused"  # something in between answers 5xx
    SLOW = "slow"


class Link:
    def __init__(self, ground: Ground, name: str, chance: random.Random) -> None:
        self._ground = ground
        self._name = name
        self._chance = chance
        self.way = Way.OPEN
        self.doubles = False  # whether what is said is heard twice
        self.delays = 0  # how many of the next questions are overtaken

    @property
    def carries_kicks(self) -> bool:
        return self.way in (Way.OPEN, Way.SLOW)

    async def ask(self, question: Question[Answer]) -> Answer:
        """Unavailable if no answer comes."""
        if self.delays:
            self.delays -= 1
            self._ground.spawn(self._late(question))
            raise await self._lost()
        if self.way is Way.SLOW:
            await self._ground.rest(self._chance.uniform(*_SLOW))
        if self.way in (Way.CUT, Way.REFUSED):
            raise Unavailable(self.way.value)
        if self.way is Way.DARK:
            raise await self._lost()
        if self.doubles:
            await self._ground.serve(question, acting_for=self._name)
        answer = await self._ground.serve(question, acting_for=self._name)
        await self._answered()
        return answer

    async def _answered(self) -> None:
        """What was done to the way while a question was heard befalls the answer."""
        if self.way in (Way.CUT, Way.REFUSED):
            raise Unavailable(self.way.value)
        if self.way is Way.DARK:
            raise await self._lost()

    async def _lost(self) -> Unavailable:
        await self._ground.rest(_GIVES_UP)
        return Unavailable("no answer")

    async def _late(self, question: Question[Answer]) -> None:
        await self._ground.rest(self._chance.uniform(*_LATE))
        try:
            await self._ground.serve(question, acting_for=self._name)
        except Unavailable:
            return
