"""When an agent tries again, in a time of its own."""

from __future__ import annotations

from itertools import pairwise

from cloudhand.agent.comeback import Comeback


class Agent:
    """One whose control plane is away; what it tries, and when."""

    def __init__(self, *, answers_looks: bool = False) -> None:
        self.attempts: list[float] = []  # to open the channel
        self.looks: list[float] = []
        self._comeback = Comeback(0.0)
        self._answers_looks = answers_looks

    def wait_until(self, end: float) -> None:
        """As the loop of the channel does."""
        now = 0.0
        while now < end:
            self.attempts.append(now)
            self._comeback.ended(opened_at=now, now=now)
            while now < self._comeback.open_at:
                now = max(min(self._comeback.open_at, self._comeback.look_at), now)
                if now >= self._comeback.look_at:
                    self.looks.append(now)
                    self._comeback.looked(now, answered=self._answers_looks)


def test_whom_nobody_answers_looks_no_more_often_than_it_tries_to_open() -> None:
    agent = Agent()
    agent.wait_until(3600)
    assert set(agent.looks[1:]) <= set(agent.attempts)
    assert len(agent.attempts) < 3600 / 15 + 10
    gaps = [after - before for before, after in pairwise(agent.attempts)]
    assert max(gaps) <= 30


def test_where_the_channel_alone_is_refused_work_is_looked_for_all_the_time() -> None:
    agent = Agent(answers_looks=True)
    agent.wait_until(3600)
    gaps = [after - before for before, after in pairwise(agent.looks)]
    assert max(gaps) <= 5


def test_who_is_answered_again_looks_often_again() -> None:
    comeback = Comeback(0.0)
    comeback.looked(0.0, answered=False)
    comeback.ended(opened_at=1.0, now=1.0)
    assert comeback.look_at == 1.0
    comeback.looked(1.0, answered=True)
    assert 2.5 <= comeback.look_at - 1.0 <= 5.0


def test_a_channel_that_was_open_is_no_reason_to_look_at_once() -> None:
    """Or a whole fleet would, at the moment in which its control plane goes away."""
    comeback = Comeback(0.0)
    comeback.opened()
    comeback.ended(opened_at=1.0, now=1000.0)
    assert comeback.look_at - 1000.0 >= 2.5
    assert comeback.open_at - 1000.0 <= 0.2


def test_fleets_do_not_return_in_step() -> None:
    """After an outage in which all pauses have grown, no second sees more than a fair share."""
    agents = [Agent() for _ in range(2000)]
    for agent in agents:
        agent.wait_until(600)
    back_at = [next(at for at in agent.attempts if at >= 500) for agent in agents]
    busiest = max(sum(second <= at - 500 < second + 1 for at in back_at) for second in range(31))
    assert max(back_at) <= 530
    assert busiest < 3 * len(agents) / 30
