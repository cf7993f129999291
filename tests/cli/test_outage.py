"""What a command does while its control plane is away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError, Unreachable
from cloudhand.cli.outage import Patience
from tests.cli.test_client import answering, endpoint, ok


def test_what_is_asked_is_asked_again_until_there_is_an_answer() -> None:
    said: list[str] = []
    with answering(b"", b"", ok(b'{"a": 1}')) as port:
        client = Client(endpoint(port))
        patience = Patience(client=client, tell=said.append)
        assert patience.ask(lambda: client.call("One"), "t-1") == {"a": 1}
        client.close()
    lost, back = said
    assert "t-1 goes on without us" in lost
    assert back == "The control plane is back."


def test_patience_has_an_end() -> None:
    said: list[str] = []
    client = Client(endpoint(9))
    with pytest.raises(Unreachable):
        Patience(client=client, tell=said.append, bound=0).ask(lambda: client.call("One"), "t-1")
    assert len(said) == 1


def test_a_control_plane_whose_state_is_gone_does_not_come_back(tmp_path: Path) -> None:
    client = Client(replace(endpoint(9), state=tmp_path / "gone"))
    with pytest.raises(ClientError, match="its state is gone"):
        Patience(client=client, tell=print).ask(lambda: client.call("One"), "t-1")
