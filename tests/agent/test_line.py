"""Requests over the kick channel: one connection for an idle agent, and nothing lost with it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from wsproto.frame_protocol import FrameProtocol, Opcode

from cloudhand.agent import line as lines
from cloudhand.agent.line import Line
from cloudhand.wire import agent as wire
from cloudhand.wire import enclosed
from tests.agent.conftest import Machine, task, wait_until
from tests.agent.gateway import Answer, FakeGateway

_HEADERS = {
    wire.TIMESTAMP_HEADER: "1",
    wire.BOOT_HEADER: "boot-1",
    wire.HMAC_SIGNATURE_HEADER: "signature",
}


def test_an_idle_agent_holds_one_connection(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()
    gateway.run(task("t-1", "echo hello; exit 3"))

    assert gateway.end_of("t-1").exit_code == 3
    gateway.wait(lambda: gateway.connections == 1)
    asked = [target.partition("?")[0] for target in gateway.over_channel]
    assert asked[-2:] == [wire.TASK_LIST_PATH, wire.REPORT_PATH + wire.FINISH]


def test_a_server_that_takes_no_requests_over_the_channel(
    machine: Machine, gateway: FakeGateway
) -> None:
    gateway.takes_requests = False
    machine.start()
    gateway.run(task("t-1", "echo hello; exit 3"))

    assert gateway.end_of("t-1").exit_code == 3
    assert gateway.over_channel == []


def test_who_ends_says_so(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()

    assert machine.stop() == 0

    gateway.wait(lambda: gateway.goodbyes == [1001])  # going away
    assert " INFO ending, as asked\n" in machine.log
    assert "server closed" not in machine.log


def test_who_is_killed_says_nothing(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()

    machine.kill()

    gateway.wait(lambda: gateway.connections == 0)
    assert gateway.goodbyes == []


def test_a_channel_whose_place_another_took(machine: Machine, gateway: FakeGateway) -> None:
    machine.start()

    gateway.send_raw(bytes(FrameProtocol(client=False, extensions=[]).close(4001)))

    wait_until(lambda: "channel: another agent speaks for this machine" in machine.log)


def test_what_is_large_does_not_stand_in_the_way_of_kicks(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    size = enclosed.BODY_LIMIT + 4096
    gateway.run(task("t-1", f"head -c {size} /dev/zero"))

    gateway.end_of("t-1")
    assert gateway.output_of("t-1") == bytes(size)
    assert all(len(message) <= enclosed.BODY_LIMIT for message in gateway.bodies_over_channel)
    gateway.wait(lambda: gateway.connections == 1)


def test_a_channel_that_ends_under_a_report(machine: Machine, gateway: FakeGateway) -> None:
    """The report may have been heard or not: it is made again, and nothing runs again."""

    def cut_first(report: wire.Report) -> Answer:
        if not gateway.finals("t-1"):
            gateway.cut_channels()
        return wire.Ack()

    machine.start()
    gateway.acknowledge = cut_first
    gateway.run(task("t-1", f"echo ran >> {machine.root}/ran"))

    gateway.wait(lambda: len(gateway.finals("t-1")) == 2)
    assert (machine.root / "ran").read_text() == "ran\n"
    gateway.online()
    gateway.run(task("t-2", "exit 4"))
    assert gateway.end_of("t-2").exit_code == 4


def test_a_clock_that_jumps_while_the_channel_is_open(
    machine: Machine, gateway: FakeGateway
) -> None:
    machine.start()
    gateway.clock_skew = 3600
    gateway.run(task("t-1", "exit 3"))

    assert gateway.end_of("t-1").exit_code == 3
    assert gateway.refused.count("timestamp") <= 3
    before = len(gateway.over_channel)
    gateway.run(task("t-2", "exit 4"))
    assert gateway.end_of("t-2").exit_code == 4
    assert len(gateway.over_channel) > before


class Server:
    """The other end of a line."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.frames = FrameProtocol(client=False, extensions=[])

    def asked(self) -> Iterator[enclosed.Request]:
        while data := self.connection.recv(65536):
            self.frames.receive_bytes(data)
            for frame in self.frames.received_frames():
                if frame.opcode is Opcode.BINARY:
                    assert isinstance(frame.payload, bytes | bytearray)
                    yield enclosed.Request.from_bytes(bytes(frame.payload))

    def say(self, message: str | bytes, *, fin: bool = True) -> None:
        self.connection.sendall(bytes(self.frames.send_data(message, fin)))

    def answer(self, request: enclosed.Request, body: bytes) -> None:
        self.say(enclosed.answer_to_bytes(request.headers[wire.REQUEST_HEADER], 200, body))


@pytest.fixture
def ends() -> Iterator[tuple[Server, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        theirs.settimeout(10)
        yield Server(theirs), ours


def request(number: int) -> enclosed.Request:
    return enclosed.Request("GET", f"/{number}", {**_HEADERS, wire.REQUEST_HEADER: str(number)})


def test_kicks_that_come_before_an_answer_are_kept(ends: tuple[Server, socket.socket]) -> None:
    server, ours = ends
    line = Line(ours, b"")
    with ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            asked = next(server.asked())
            server.say("kick_vm")
            server.say("kick_vm task run t-1")
            server.answer(asked, b"{}")

        answering = pool.submit(answer)
        assert line.ask(request(1), "1") == (200, b"{}")
        answering.result()
    assert line.kicks == ["kick_vm", "kick_vm task run t-1"]
    line.close()


def test_many_threads_ask_at_once_and_each_hears_its_own(
    ends: tuple[Server, socket.socket],
) -> None:
    server, ours = ends
    line = Line(ours, b"")
    with ThreadPoolExecutor(9) as pool:

        def answer() -> None:
            held = []
            for asked in server.asked():
                held.append(asked)
                if len(held) == 8:
                    for one in reversed(held):
                        server.answer(one, one.target.encode())
                    return

        answering = pool.submit(answer)
        asking = [pool.submit(line.ask, request(n), str(n)) for n in range(8)]
        while not all(one.done() for one in asking):
            line.read(0.0)
        answering.result()
        assert [one.result() for one in asking] == [(200, f"/{n}".encode()) for n in range(8)]
    line.close()


def test_who_waits_hears_of_the_end_of_the_line(ends: tuple[Server, socket.socket]) -> None:
    server, ours = ends
    line = Line(ours, b"")
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(line.ask, request(1), "1")
        next(server.asked())
        line.close()
        with pytest.raises(ConnectionResetError):
            asking.result()
        with pytest.raises(ConnectionResetError):
            line.ask(request(2), "2")


def test_a_line_without_an_answer_is_dead(
    ends: tuple[Server, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_ANSWER_WITHIN", 0.05)
    _, ours = ends
    line = Line(ours, b"")
    with pytest.raises(ConnectionResetError):
        line.ask(request(1), "1")
    with pytest.raises(ConnectionResetError):
        line.read()
    with ThreadPoolExecutor(1) as pool, pytest.raises(OSError):
        pool.submit(line.ask, request(2), "2").result()
    line.close()


def test_an_answer_that_nobody_waits_for_is_passed_over(
    ends: tuple[Server, socket.socket],
) -> None:
    server, ours = ends
    line = Line(ours, b"")
    server.answer(request(7), b"late")
    server.say("kick_vm")
    while not line.kicks:
        line.read()
    line.close()


def test_messages_in_several_frames(ends: tuple[Server, socket.socket]) -> None:
    server, ours = ends
    line = Line(ours, b"")
    server.say("kick_vm ", fin=False)
    server.say("noop")
    while not line.kicks:
        line.read()
    assert line.kicks == ["kick_vm noop"]
    line.close()


def test_what_came_with_the_answer_to_the_opening(ends: tuple[Server, socket.socket]) -> None:
    server, ours = ends
    line = Line(ours, bytes(server.frames.send_data("kick_vm")))
    assert line.kicks == ["kick_vm"]
    line.close()


def test_a_kick_that_is_too_long_ends_the_line(ends: tuple[Server, socket.socket]) -> None:
    server, ours = ends
    line = Line(ours, b"")
    sending = threading.Thread(target=server.say, args=("x" * 70_000,))
    sending.start()
    with pytest.raises(ValueError, match="too long"):
        while True:
            line.read()
    line.close()
    sending.join()
