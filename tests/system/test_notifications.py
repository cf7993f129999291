"""People are told of what goes wrong by a control plane that runs, is killed, and has to wait."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.rules.sources import ROOT
from tests.system.place import Place, Plane
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

PAGE = ROOT / "docs" / "how-to" / "be-told-when-something-fails.md"


@dataclass
class Heard:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Receiver:
    """An address of this machine."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: bool = True  # else it takes what comes, and hangs up
    released: threading.Event = field(default_factory=threading.Event)  # for what hangs


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard = Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            told.heard.append(heard)
            if self.path == "/hangs":
                told.released.wait(60)
            elif told.answers:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"errcode": 0}')

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield told
        told.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def plane(alone: Place) -> Iterator[Plane]:
    plane = Plane(alone, "--web-hooks-to", "127.0.0.1")
    try:
        plane.start()
        yield plane
    finally:
        plane.end()


def add(plane: Plane, name: str, url: str, kind: str = "webhook") -> str:
    """Its secret, where it has one."""
    given = {"ChannelName": name, "Kind": kind, "Address": url}
    return str(plane.call("CreateNotificationChannel", **given)["Secret"])


def channel(plane: Plane, name: str) -> dict[str, Any]:
    found = plane.call("ListNotificationChannels")["Channels"]
    return next(one for one in found if one["ChannelName"] == name)


def verifier() -> Callable[[Mapping[str, str], bytes, str], str]:
    """As it stands on the page."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    known: dict[str, Any] = {}
    exec(code, known)  # noqa: S102 -- it is ours, and what readers are to take
    verified: Callable[[Mapping[str, str], bytes, str], str] = known["verified"]
    return verified


def test_what_was_not_answered_is_told_after_a_kill_and_can_be_verified(
    plane: Plane, receiver: Receiver
) -> None:
    secret = add(plane, "ops", f"{receiver.url}/hook")
    (instance_id,) = plane.instances()
    receiver.answers = False
    invoke_id = plane.ask([instance_id], "exit 3")
    until(lambda: receiver.heard)
    until(lambda: channel(plane, "ops")["LastError"])
    assert channel(plane, "ops")["LastError"] == "it hung up without an answer"
    plane.kill()
    receiver.answers = True
    plane.start()
    until(lambda: channel(plane, "ops")["LastSuccessTime"])

    first, *_, last = receiver.heard
    assert first.body == last.body
    assert first.headers["webhook-id"] == last.headers["webhook-id"]
    assert first.headers["x-cloudhand-key"] == last.headers["webhook-id"]
    (event,) = last.told["data"]["events"]
    assert (event["event"], event["about"]) == ("failed", invoke_id)
    assert event["machines"][0]["exitCode"] == 3

    verified = verifier()
    assert verified(last.headers, last.body, secret) == last.headers["webhook-id"]
    with pytest.raises(ValueError, match="not signed"):
        verified(last.headers, last.body.replace(b"failed", b"is fine"), secret)
    later = str(int(last.headers["webhook-timestamp"]) + 1)
    with pytest.raises(ValueError, match="not signed"):
        verified({**last.headers, "webhook-timestamp": later}, last.body, secret)
    with pytest.raises(ValueError, match="not signed"):
        verified(last.headers, last.body, "whsec_" + "A" * 44)
    with pytest.raises(ValueError, match="it is old"):
        _long_ago(verified, last, secret)


def _long_ago(verified: Callable[..., str], heard: Heard, secret: str) -> None:
    """The same message, which somebody has kept for an hour."""
    time = verified.__globals__["time"]

    class Later:
        @staticmethod
        def time() -> float:
            return float(time.time() + 3600)

    verified.__globals__["time"] = Later
    verified(heard.headers, heard.body, secret)


def test_who_hangs_holds_up_nobody_and_is_hung_up_on(plane: Plane, receiver: Receiver) -> None:
    add(plane, "hangs", f"{receiver.url}/hangs", "slack")
    add(plane, "ops", f"{receiver.url}/hook", "dingtalk")
    add(plane, "none", "http://127.0.0.1:1/", "wecom")
    for name in ("hangs", "ops", "none"):
        plane.call("TestNotificationChannel", ChannelName=name)
    until(lambda: channel(plane, "ops")["Test"]["Status"] == "Delivered")
    assert channel(plane, "hangs")["Test"]["Status"] == "Waiting"
    until(lambda: channel(plane, "none")["Test"]["Status"] == "Failed")
    assert (
        "127.0.0.1" in channel(plane, "none")["LastError"]
        or "refused" in channel(plane, "none")["LastError"]
    )
    until(lambda: channel(plane, "hangs")["Test"]["Status"] == "Failed")
    assert channel(plane, "hangs")["LastError"] == "it did not answer within 10 s"


def test_what_is_near_is_told_nothing_unless_it_is_allowed(
    shared: Plane, receiver: Receiver
) -> None:
    add(shared, "near", f"{receiver.url}/hook")
    shared.call("TestNotificationChannel", ChannelName="near")
    until(lambda: channel(shared, "near")["Test"]["Status"] == "Failed")
    told = channel(shared, "near")["Test"]["Error"]
    assert told == (
        "127.0.0.1 is an address of this machine or its network, which `--web-hooks-to 127.0.0.1`"
        " of `up` and `serve` allows"
    )
    assert receiver.heard == []
