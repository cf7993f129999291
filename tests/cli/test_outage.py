"""What a command does while its control plane is away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ClientError, Unreachable
from cloudhand.cli.following import Following
from cloudhand.cli.order import Order
from cloudhand.cli.outage import Patience
from cloudhand.cli.run import ask_for
from tests.cli.test_client import answering, endpoint, ok
from tests.cli.test_values import machine


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


def test_a_control_plane_that_moved_is_found_by_its_state(tmp_path: Path) -> None:
    with answering(ok(b'{"a": 1}')) as port:
        told = {"url": f"http://127.0.0.1:{port}", "region": "cn-hangzhou", "ca": ""}
        key = {"accessKeyId": "id", "accessKeySecret": "secret"}
        (tmp_path / "endpoint.json").write_text(json.dumps({**told, **key}))
        client = Client(replace(endpoint(9), state=tmp_path))
        patience = Patience(client=client, tell=lambda _: None)
        assert patience.ask(lambda: client.call("One"), "t-1") == {"a": 1}
        client.close()


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


def test_what_was_asked_for_is_named_when_the_rest_is_refused() -> None:
    refused = b'{"Code": "Forbidden", "Message": "not these"}'
    no = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(refused), refused)
    present = [machine(number) for number in range(101)]  # one more than a request may name
    asked: list[str] = []
    with answering(ok(b'{"InvokeId": "t-1"}'), no) as port:
        client = Client(endpoint(port))
        following = Following(client, present, as_json=False)
        with pytest.raises(ClientError, match=r"Forbidden: not these; t-1 goes on: `cloudhand"):
            ask_for(following, Order(script="true"), asked)
        client.close()
    assert asked == ["t-1"]
