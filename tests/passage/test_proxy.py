"""The proxy on the wire: what reaches the control plane, and what comes back."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity, open_passage
from cloudhand.passage.authority import Authority
from tests.passage.dialogue import Dialogue, dialogue, ended
from tests.passage.plane import Plane, plane

Environment = Mapping[str, str]
HOST = "ecs.cn-hangzhou.aliyuncs.com"
URL = f"http://{HOST}"


@pytest.fixture
def environment(destination: Destination, identity: Identity) -> Iterator[Environment]:
    with open_passage(destination, identity, environ={}) as yielded:
        yield yielded


@pytest.fixture
def client(environment: Environment) -> Iterator[Dialogue]:
    with dialogue(environment) as opened:
        yield opened


@pytest.fixture
def secured(environment: Environment, client: Dialogue) -> Dialogue:
    assert client.ask(f"CONNECT {HOST}:443", f"Host: {HOST}:443").status == 200
    client.secure(environment, HOST)
    return client


def test_a_plain_request_arrives_as_it_was_sent(client: Dialogue, control_plane: Plane) -> None:
    fields = ("hOsT: ecs.CN-hangzhou.aliyuncs.com", "X-Two: a", "x-two:  b ", "User-Agent: me")
    body = b"a=b&c=%20"
    answer = client.ask(f"POST {URL}?B=1&A=%2f+~#f", *fields, body=body)
    assert answer.status == 200
    arrived = control_plane.last()
    assert arrived.method == "POST"
    assert arrived.target == "/?B=1&A=%2f+~"
    assert arrived.headers == (
        ("hOsT", "ecs.CN-hangzhou.aliyuncs.com"),
        ("X-Two", "a"),
        ("x-two", "b"),
        ("User-Agent", "me"),
        ("Content-Length", "9"),
    )
    assert arrived.body == body


def test_a_request_in_tls_arrives_as_it_was_sent(secured: Dialogue, control_plane: Plane) -> None:
    secured.send(f"PUT /p?q=1 HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n\r\nabc")
    assert secured.answer().status == 200
    arrived = control_plane.last()
    assert (arrived.method, arrived.target, arrived.body) == ("PUT", "/p?q=1", b"abc")
    assert arrived.headers == (("Host", HOST), ("Content-Length", "3"))


def test_a_tunnel_to_the_plain_port_carries_plain_requests(
    client: Dialogue, control_plane: Plane
) -> None:
    assert client.ask(f"CONNECT {HOST}:80").status == 200
    client.send(f"GET /?x=1 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    assert client.answer().status == 200
    assert control_plane.last().target == "/?x=1"


def test_connections_are_kept_on_both_sides(secured: Dialogue, control_plane: Plane) -> None:
    for number in range(3):
        secured.send(f"GET /?n={number} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert secured.answer().status == 200
    assert control_plane.connections == 1


def test_requests_sent_at_once_are_answered_in_turn(client: Dialogue, control_plane: Plane) -> None:
    requests = [f"GET {URL}/?n={n} HTTP/1.1\r\n{client.known}\r\n" for n in range(5)]
    client.send("".join(requests))
    assert [client.answer().status for _ in requests] == [200] * 5
    assert [request.target for request in control_plane.requests] == [f"/?n={n}" for n in range(5)]


def test_an_ended_connection_is_replaced_between_requests(
    client: Dialogue, control_plane: Plane
) -> None:
    assert client.ask(f"GET {URL}/last").status == 200
    assert ended(control_plane)
    assert client.ask(f"GET {URL}/last").status == 200
    assert control_plane.connections == 2


@pytest.mark.parametrize("size", [65_536, 255_000, 1_900_000])
def test_long_lines_and_headers_pass(client: Dialogue, control_plane: Plane, size: int) -> None:
    long = "x" * size
    field = "X-Long: " + "y" * 60_000
    assert client.ask(f"POST {URL}/?CommandContent={long}", field).status == 200
    assert control_plane.last().target == f"/?CommandContent={long}"
    assert control_plane.last().value("x-long") == "y" * 60_000


def test_a_head_beyond_all_measure_is_refused(client: Dialogue, control_plane: Plane) -> None:
    answer = client.ask(f"GET {URL}/?x=" + "x" * 2_200_000)
    assert (answer.status, answer.error["Code"]) == (431, "Passage.BadRequest")
    assert control_plane.requests == []


@pytest.mark.parametrize(
    "line",
    [
        "GET /",
        "GET https://ecs.aliyuncs.com/",
        "GET ftp://ecs.aliyuncs.com/",
        "GET http://ecs.aliyuncs.com:0/",
        "GET http://ecs.aliyuncs.com:x/",
        "GET http:///",
        "GET",
        "CONNECT a@b@ecs.aliyuncs.com:443",
    ],
)
def test_what_is_no_request_to_a_proxy_is_refused(
    client: Dialogue, control_plane: Plane, line: str
) -> None:
    answer = client.ask(line)
    assert (answer.status, answer.error["Code"]) == (400, "Passage.BadRequest")
    assert client.rest() == b""
    assert control_plane.requests == []


def test_chunks_pass_both_ways(client: Dialogue, control_plane: Plane) -> None:
    head = f"POST {URL}/chunked HTTP/1.1\r\n{client.known}Transfer-Encoding: chunked\r\n\r\n"
    client.send(head + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert client.answer().headers["transfer-encoding"] == "chunked"
    expected = b"5;note=1\r\nhello\r\n6\r\n world\r\n0\r\nSum: 11\r\n\r\n"
    assert client.file.read(len(expected)) == expected
    assert control_plane.last().body == b"abcde"
    assert client.ask(f"GET {URL}/").status == 200


def test_an_answer_streams_while_it_is_made(client: Dialogue, control_plane: Plane) -> None:
    client.send(f"GET {URL}/wait HTTP/1.1\r\n{client.known}\r\n")
    client.answer()
    assert client.file.read(10) == b"5\r\nfirst\r\n"
    control_plane.go_on.set()
    assert client.file.read(14) == b"4\r\nlast\r\n0\r\n\r\n"


def test_large_bodies_pass_both_ways(secured: Dialogue, control_plane: Plane) -> None:
    body = os.urandom(3_000_000)
    received: list[bytes] = []

    def read() -> None:
        received.append(secured.answer().body)

    reading = threading.Thread(target=read)
    reading.start()
    secured.send(f"POST /echo HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    reading.join()
    assert received == [body]


def test_leave_to_send_a_body_is_asked_of_the_control_plane(client: Dialogue) -> None:
    fields = "Expect: 100-continue\r\nContent-Length: 4\r\n"
    client.send(f"POST {URL}/echo HTTP/1.1\r\n{client.known}{fields}\r\n")
    assert client.answer().status == 100
    client.send(b"body")
    assert client.answer().body == b"body"


def test_an_answer_before_the_body_is_heard(client: Dialogue) -> None:
    client.send(f"POST {URL}/early HTTP/1.1\r\n{client.known}Content-Length: 9000\r\n\r\nhalf")
    answer = client.answer()
    assert (answer.status, answer.body) == (413, b"large")
    assert client.rest() == b""


def test_an_answer_may_end_with_its_connection(secured: Dialogue) -> None:
    secured.send(b"GET /until-close HTTP/1.1\r\n\r\n")
    assert secured.answer().status == 200
    assert len(secured.rest()) == 300_000


def test_an_answer_to_head_has_no_body(client: Dialogue) -> None:
    assert int(client.ask(f"HEAD {URL}/").headers["content-length"]) > 0
    assert client.ask(f"GET {URL}/").status == 200


def test_a_connection_may_change_its_protocol(secured: Dialogue, control_plane: Plane) -> None:
    secured.send(b"GET /upgrade HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert secured.answer().status == 101
    assert secured.file.read(3) == b"hi "
    secured.send(b"abc")
    assert secured.file.read(3) == b"ABC"
    secured.close()
    assert ended(control_plane)


def test_a_client_that_has_ended_its_side_is_still_answered(client: Dialogue) -> None:
    client.send(f"GET {URL}/until-close HTTP/1.1\r\n{client.known}\r\n")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer().status == 200
    assert len(client.rest()) == 300_000


def test_a_client_that_goes_away_takes_its_request_along(
    client: Dialogue, control_plane: Plane
) -> None:
    client.send(f"GET {URL}/wait HTTP/1.1\r\n{client.known}\r\n")
    client.answer()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    control_plane.go_on.set()
    assert ended(control_plane)


def test_half_a_request_is_never_handed_on_as_a_whole(
    client: Dialogue, control_plane: Plane
) -> None:
    client.send(f"POST {URL}/echo HTTP/1.1\r\n{client.known}Content-Length: 9\r\n\r\nhalf")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.answer().status == 502
    assert ended(control_plane)
    assert [len(request.body) for request in control_plane.requests] in ([], [4])


@pytest.mark.parametrize("path", ["/reset", "/nonsense"])
def test_a_control_plane_that_does_not_answer_is_named(client: Dialogue, path: str) -> None:
    answer = client.ask(f"GET {URL}{path}")
    assert answer.status == 502
    assert answer.error["Code"] == "Passage.ControlPlaneUnreachable"


def test_half_an_answer_does_not_look_whole(client: Dialogue) -> None:
    client.send(f"GET {URL}/broken HTTP/1.1\r\n{client.known}\r\n")
    answer = client.answer()
    assert (answer.headers["content-length"], answer.body) == ("100", b"half")


def test_a_control_plane_that_is_down_is_named(identity: Identity) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    down = Destination(host="127.0.0.1", port=port)
    with open_passage(down, identity, environ={}) as environment, dialogue(environment) as client:
        for _ in range(2):
            answer = client.ask(f"POST {URL}/", body=b"x" * 70_000)
            assert answer.status == 502
            assert f"http://127.0.0.1:{port}" in answer.error["Message"]
            assert set(answer.error) == {"RequestId", "HostId", "Code", "Message", "Recommend"}


REFUSED = ["oss-cn-hangzhou.aliyuncs.com", "account.aliyun.com", "100.100.100.200", "[fe80::1]"]


@pytest.mark.parametrize("host", REFUSED)
def test_the_real_service_is_refused_by_name(
    client: Dialogue, environment: Environment, host: str
) -> None:
    answer = client.ask(f"POST http://{host}/?a=b", f"Host: {host}", body=b"secret" * 1000)
    assert (answer.status, answer.error["Code"]) == (403, "Forbidden.Passage")
    assert host in answer.error["Message"] and host in answer.reason
    with dialogue(environment) as other:
        tunnel = other.ask(f"CONNECT {host}:443")
        assert (tunnel.status, tunnel.error["Code"]) == (403, "Forbidden.Passage")
        assert host in tunnel.reason
        assert other.rest() == b""


def test_a_refused_body_is_read_or_the_connection_ends(client: Dialogue) -> None:
    for body in (b"x" * 100, b"x" * 1_000_000):
        assert client.ask("POST http://kms.aliyuncs.com/", body=body).status == 403
    # Nobody gives leave to send this one.
    client.send(
        f"POST http://kms.aliyuncs.com/ HTTP/1.1\r\n{client.known}Expect: 100-continue\r\n"
        "Content-Length: 5\r\n\r\n"
    )
    assert client.answer().status == 403
    assert client.rest() == b""


def test_the_host_header_cannot_hide_the_real_service(
    client: Dialogue, control_plane: Plane
) -> None:
    elsewhere = f"http://127.0.0.1:{control_plane.port}/"
    assert client.ask(f"GET {elsewhere}", "Host: kms.aliyuncs.com").status == 403
    assert client.ask(f"GET {elsewhere}", "Host: a.example", "Host: kms.aliyuncs.com").status == 403
    assert control_plane.requests == []
    # What is served is served, by whatever address.
    assert client.ask("GET http://192.0.2.1/", f"Host: {HOST}").status == 200


def test_only_the_child_may_use_the_proxy(environment: Environment, client: Dialogue) -> None:
    for field in ("", "Proxy-Authorization: Basic Y2xvdWRoYW5kOg==\r\n", client.known * 2):
        for line in (f"GET {URL}/", f"CONNECT {HOST}:443", "GET http://kms.aliyuncs.com/"):
            with dialogue(environment) as stranger:
                stranger.send(f"{line} HTTP/1.1\r\n{field}\r\n")
                answer = stranger.answer()
                assert answer.status == 407
                assert answer.headers["proxy-authenticate"].startswith("Basic ")


def test_each_run_has_another_password(destination: Destination, identity: Identity) -> None:
    with (
        open_passage(destination, identity, environ={}) as one,
        open_passage(destination, identity, environ={}) as other,
    ):
        assert one["http_proxy"].split("@")[0] != other["http_proxy"].split("@")[0]
        assert "@127.0.0.1:" in one["http_proxy"]


def test_a_control_plane_with_tls_is_verified(identity: Identity, tmp_path: Path) -> None:
    authority = Authority(datetime.now(UTC))
    context = authority.context("control.aliyun.com")
    with plane(context) as running:
        right = Destination(host="localhost", port=running.port, tls=True, ca_pem=authority.pem)
        with (
            open_passage(right, identity, environ={}) as environment,
            dialogue(environment) as client,
        ):
            assert Path(environment["CLOUDHAND_CA"]).read_bytes() == authority.pem
            answer = client.ask(f"GET {URL}/")
            assert answer.status == 502
            assert "certificate verify failed" in answer.error["Message"]


def test_the_end_of_a_passage_ends_every_connection(
    destination: Destination, identity: Identity, control_plane: Plane
) -> None:
    with open_passage(destination, identity, environ={}) as environment:
        waiting, idle, half, fresh = (Dialogue(environment) for _ in range(4))
        waiting.send(f"GET {URL}/wait HTTP/1.1\r\n{waiting.known}\r\n")
        waiting.answer()
        idle.ask(f"CONNECT {HOST}:443")
        idle.secure(environment, HOST)
        half.send("GET htt")
        port = fresh.socket.getpeername()[1]
    for client in (waiting, idle, half, fresh):
        try:
            client.rest()
        except (ConnectionResetError, ssl.SSLError):
            pass
        client.close()
    control_plane.go_on.set()
    assert ended(control_plane)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_many_clients_at_once(environment: Environment, control_plane: Plane) -> None:
    statuses: list[int] = []

    def ask() -> None:
        with dialogue(environment) as client:
            client.ask(f"CONNECT {HOST}:443")
            client.secure(environment, HOST)
            for _ in range(5):
                client.send(b"GET / HTTP/1.1\r\n\r\n")
                statuses.append(client.answer().status)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 100
