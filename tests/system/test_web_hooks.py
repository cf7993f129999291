"""Web hooks of templates reach what is near this machine only where its operator says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cloudhand.cli.client import OOS
from tests.system.place import Place, Plane
from tests.system.waiting import until


class _Receiver(BaseHTTPRequestHandler):
    received: list[Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Any]]]:
    """Its address, and what has arrived there."""
    received: list[Any] = []
    handler = type("Receiver", (_Receiver,), {"received": received})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()
        thread.join()


@pytest.fixture
def allowing(alone: Place) -> Iterator[Plane]:
    plane = Plane(alone, "--web-hooks-to", "127.0.0.1")
    try:
        plane.start()
        yield plane
    finally:
        plane.end()


def _told(plane: Plane, url: str) -> dict[str, Any]:
    """What became of a template that sends one message there."""
    hook = {"URI": url, "Content": {"text": "done"}}
    task = {
        "Name": "tell",
        "Action": "ACS::Notify",
        "Properties": {"NotifyType": "WebHook", "WebHook": hook},
    }
    content = json.dumps({"FormatVersion": "OOS-2019-06-01", "Tasks": [task]})
    call = plane.client.call
    started = call("StartExecution", {"TemplateContent": content}, version=OOS)["Execution"]

    def ended() -> dict[str, Any] | None:
        wanted = {"ExecutionId": started["ExecutionId"]}
        found: dict[str, Any] = call("ListExecutions", wanted, version=OOS)["Executions"][0]
        return found if found["EndDate"] else None

    return until(ended)


def test_what_is_near_is_reached_where_it_is_allowed(
    allowing: Plane, receiver: tuple[str, list[Any]]
) -> None:
    url, received = receiver
    assert _told(allowing, url)["Status"] == "Success"
    assert received == [{"text": "done"}]


def test_what_is_near_is_not_reached_else(shared: Plane, receiver: tuple[str, list[Any]]) -> None:
    url, received = receiver
    found = _told(shared, url)
    assert found["Status"] == "Failed"
    assert "127.0.0.1 is an address of this machine or its network" in found["StatusMessage"]
    assert received == []
