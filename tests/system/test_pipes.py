"""Connections and pipes that the other side closes early."""

from __future__ import annotations

import os
import socket
import struct
from urllib.parse import urlsplit

import pytest

from tests.system.place import Place, Plane, ended, line, mode_options

_ROUNDS = 100
_REQUESTS = b"GET /?Action=DescribeRegions HTTP/1.1\r\nHost: it\r\n\r\n" * 20
_RESET = struct.pack("ii", 1, 0)  # linger for 0 seconds: no goodbye


def test_callers_who_hang_up_in_the_middle_do_no_harm(own: Plane) -> None:
    own.start()
    url = urlsplit(own.client.endpoint.url)

    for number in range(_ROUNDS):
        with socket.create_connection((url.hostname, url.port)) as caller:
            caller.sendall(_REQUESTS)
            if number % 2:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    assert own.call("DescribeRegions")
    assert own.stop() == 0


@pytest.mark.parametrize("words", [("up", "--fleet", "1"), ("demo",)])
def test_a_reader_who_leaves_ends_all_that_was_begun(alone: Place, words: tuple[str, ...]) -> None:
    up = alone.start(*words, *mode_options())
    line(up)
    assert up.stdout is not None
    up.stdout.close()

    assert up.wait(30) == 1
    assert up.stderr is not None
    assert "Traceback" not in up.stderr.read()


@pytest.mark.parametrize("words", [("instances",), ("instances", "--json"), ("doctor",)])
@pytest.mark.usefixtures("instance")
def test_a_list_whose_reader_has_left_is_no_error(shared: Plane, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    named = () if words[0] == "doctor" else ("--state", str(shared.state))

    child = shared.place.start(*words, *named, stdout=writing)
    os.close(writing)

    assert ended(child).stderr == ""
