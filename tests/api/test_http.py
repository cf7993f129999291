"""Requests as bytes on a socket: long ones, split ones, many in a row, and wrong ones."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPResponse
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from cloudhand.wire import signature, times
from tests.api.cloud import KEY, REGION, Cloud

K = 1024


def signed(
    action: str, *, method: str = "GET", form: dict[str, str] | None = None, **more: str
) -> str:
    """The query of a request in the older signature, which needs no header."""
    pairs = [
        ("Action", action),
        ("Version", "2014-05-26"),
        ("RegionId", REGION),
        ("AccessKeyId", KEY.id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", uuid4().hex),
        ("Timestamp", times.second(datetime.now(UTC))),
        *more.items(),
    ]
    text = signature.v1_string_to_sign(method, [*pairs, *(form or {}).items()])
    mac = signature.v1_signature(hashlib.sha1, KEY.secret, text)
    return urlencode([*pairs, ("Signature", mac)])


def request(query: str, *, method: str = "GET", headers: str = "", body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    return f"{method} /?{query} HTTP/1.1\r\nHost: here:1\r\n{headers}{length}\r\n".encode() + body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json.get("Code", ""))


class Line:
    """A connection on which bytes go out as the test cuts them."""

    def __init__(self, it: Cloud) -> None:
        self.socket = socket.create_connection(("127.0.0.1", it.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        # One byte at a time, so that nothing of the next answer is read ahead.
        response = HTTPResponse(_Unbuffered(self.socket))  # type: ignore[arg-type]
        response.begin()
        body = response.read()
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=body,
        )

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    @property
    def hung_up(self) -> bool:
        return self.socket.recv(1) == b""


class _Unbuffered:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def makefile(self, mode: str) -> Any:
        return self._connection.makefile("rb", buffering=0)


@pytest.fixture
def line(it: Cloud) -> Iterator[Line]:
    with closing(Line(it)) as one:
        yield one


def padded(size: int, action: str = "DescribeRegions") -> bytes:
    """A good request whose request line has exactly ``size`` bytes."""
    bare = len(request(signed(action, Padding="")).split(b"\r\n", 1)[0])
    # Signatures differ in length as they are quoted, so try until one fits.
    while True:
        data = request(signed(action, Padding="x" * (size - bare)))
        missing = size - len(data.split(b"\r\n", 1)[0]) - 2
        if missing == 0:
            return data
        bare -= missing


@pytest.mark.parametrize("size", [400, 59_990, 60_100, 65_535, 65_600, 131_072, 256 * K])
def test_lines_up_to_the_limit_are_read(line: Line, size: int) -> None:
    answer = line.ask(padded(max(size, 600)))
    assert (answer.status, list(answer.json)) == (200, ["RequestId", "Regions"])


def test_a_line_over_the_limit_is_414_in_json_and_the_connection_ends(line: Line) -> None:
    answer = line.ask(padded(256 * K + 1))
    assert (answer.status, answer.code) == (414, "RequestURITooLong")
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert set(answer.json) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert line.hung_up


def test_a_path_that_is_too_long_is_414(line: Line) -> None:
    answer = line.ask(b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n")
    assert (answer.status, answer.code) == (414, "RequestURITooLong")


def test_headers_up_to_the_limit_are_read_and_over_it_are_431(it: Cloud) -> None:
    query = signed("DescribeRegions")
    around = len("Host: here:1\r\n") + len("X-Long: \r\n")
    with closing(Line(it)) as line:
        fits = "X-Long: " + "x" * (64 * K - around) + "\r\n"
        assert line.ask(request(query, headers=fits)).status == 200
    with closing(Line(it)) as line:
        over = "X-Long: " + "x" * (64 * K - around + 1) + "\r\n"
        answer = line.ask(request(query, headers=over))
        assert (answer.status, answer.code) == (431, "RequestHeaderFieldsTooLarge")
        assert line.hung_up


def test_a_head_without_end_is_cut_off(line: Line) -> None:
    def flood() -> None:
        line.send(b"GET /?")
        for _ in range(1000):
            line.send(b"x" * 64 * K)

    with pytest.raises(ConnectionError):
        flood()


def test_a_long_line_may_come_in_any_pieces(line: Line) -> None:
    data = padded(70_000)
    cuts = [0, 1, 5, 6, 20, 65_534, 65_535, 65_536, 69_998, 70_001, len(data) - 1, len(data)]
    for start, end in pairwise(cuts):
        line.send(data[start:end])
    assert line.answer().status == 200


def test_one_connection_carries_long_and_short_requests_in_turn(line: Line) -> None:
    for size in (600, 70_000, 600, 200_000, 70_000):
        assert line.ask(padded(size)).status == 200


def test_pipelined_requests_are_answered_in_their_order(line: Line) -> None:
    sizes = (600, 70_000, 600, 300_000)
    line.send(b"".join(padded(size) for size in sizes))
    assert [line.answer().status for _ in sizes] == [200, 200, 200, 414]


def test_a_body_after_a_long_line_is_read(line: Line) -> None:
    form = {"InvokeId": "t-" + "x" * 100}
    query = signed("StopInvocation", method="POST", form=form, Padding="x" * 70_000)
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    answer = line.ask(request(query, method="POST", headers=kind, body=urlencode(form).encode()))
    assert (answer.status, answer.code) == (404, "InvalidInvokeId.NotFound")


def test_a_websocket_handshake_is_not_touched(line: Line) -> None:
    headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    headers += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    # Nobody takes it here, so it is refused, by the server's own WebSocket part.
    assert line.ask(request("x=" + "y" * 100, headers=headers)).status == 403


def test_what_is_not_http_is_told_so_in_json(line: Line) -> None:
    answer = line.ask(b"WHAT IS THIS\r\n\r\n")
    assert (answer.status, answer.code) == (400, "InvalidParameter")
    assert line.hung_up


def test_a_body_over_the_limit_is_413(line: Line) -> None:
    answer = line.ask(request("", method="POST", body=b"x" * (1024 * K + 1)))
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(line: Line, method: str) -> None:
    answer = line.ask(request(signed("DescribeRegions"), method=method))
    assert (answer.status, answer.code) == (403, "UnsupportedHTTPMethod")


def test_xml_is_answered_where_it_is_asked_for(line: Line) -> None:
    answer = line.ask(request(signed("DescribeRegions", Format="xml")))
    assert answer.headers["content-type"] == "text/xml;charset=utf-8"
    root = ElementTree.fromstring(answer.body.decode())
    assert root.tag == "DescribeRegionsResponse"
    assert root.findtext("Regions/Region/RegionId") == REGION
    assert root.findtext("RequestId") == answer.headers["x-acs-request-id"]


def test_an_error_is_told_in_xml_too(line: Line) -> None:
    answer = line.ask(request(signed("DescribeNothing", Format="XML")))
    assert (answer.status, answer.headers["content-type"]) == (404, "text/xml;charset=utf-8")
    root = ElementTree.fromstring(answer.body.decode())
    assert (root.tag, root.findtext("Code")) == ("Error", "InvalidAction.NotFound")
    assert root.findtext("HostId") == "here:1"


def test_json_is_answered_where_nothing_is_asked_for(line: Line) -> None:
    answer = line.ask(request(signed("DescribeRegions")))
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.json["Regions"]["Region"][0]["RegionEndpoint"] == "here:1"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "MissingParameter"),
        ("Action=DescribeRegions", 400, "MissingParameter"),
        ("Action=DescribeRegions&Version=2013-01-10", 404, "InvalidVersion"),
        ("Action=describeregions&Version=2014-05-26", 404, "InvalidAction.NotFound"),
        ("Action=DescribeRegions&Version=2014-05-26", 400, "MissingParameter"),
        ("Action=DescribeRegions&Version=2014-05-26&Format=YAML", 400, "InvalidParameter.Format"),
        ("&".join("x=1" for _ in range(6000)), 400, "InvalidParameter"),
    ],
)
def test_a_request_that_names_nothing_is_told_what_is_missing(
    line: Line, query: str, status: int, code: str
) -> None:
    answer = line.ask(request(query))
    assert (answer.status, answer.code) == (status, code)


def test_a_header_names_the_operation_only_where_it_is_signed(line: Line) -> None:
    query = signed("DescribeRegions").replace("Action=DescribeRegions&", "")
    answer = line.ask(request(query, headers="x-acs-action: RunInstances\r\n"))
    assert (answer.status, answer.code) == (400, "MissingParameter")


def test_a_request_sent_twice_is_refused(line: Line) -> None:
    data = request(signed("DescribeRegions"))
    assert line.ask(data).status == 200
    assert line.ask(data).code == "SignatureNonceUsed"
