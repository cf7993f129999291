"""An agent that reaches its control plane through a proxy."""

from __future__ import annotations

import socket
import stat

import pytest

from cloudhand.agent.proxy import Refused, proxy_for
from cloudhand.agent.server import Server
from tests.agent.conftest import Machine
from tests.agent.gateway import FakeGateway
from tests.agent.proxies import Proxy

_CODE = ("--activation-id", "id", "--activation-code", "code")


def _register(machine: Machine, proxy: str) -> str:
    """What is said of a proxy that leads nowhere."""
    server = f"--server={machine.gateway.url}"
    done = machine.agent(
        "register", server, *_CODE, f"--state={machine.root}/new", "--proxy", proxy
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.count("\n") == 1
    assert not (machine.root / "new").exists()
    return done.stderr


def test_it_joins_and_works_through_the_proxy_that_was_named(
    machine: Machine, gateway: FakeGateway
) -> None:
    state = f"--state={machine.state}"
    with Proxy(secret="ann:s3cret@") as proxy:
        url = f"http://ann:s3cret%40@{proxy.name}"
        server = f"--server={gateway.url}"
        joined = machine.agent("register", server, *_CODE, state, f"--proxy={url}")
        assert joined.returncode == 0, joined.stderr
        before = len(proxy.led)
        machine.start()  # which waits until it is online, and has its channel
        machine.stop()
        known = len(proxy.led)
        machine.agent("doctor", server, state)  # by the proxy that the identity keeps
        examined = len(proxy.led) > known
        gone = machine.agent("deregister", state)

    assert gone.returncode == 0, gone.stderr
    assert examined
    assert before == 1 and len(proxy.led) > before
    assert set(proxy.led) == {gateway.url.removeprefix("http://")}
    assert "s3cret" not in machine.log + joined.stdout + gone.stdout


def test_the_environment_names_a_proxy_but_not_for_this_machine(
    machine: Machine, gateway: FakeGateway
) -> None:
    with Proxy() as proxy:
        machine.environment["http_proxy"] = proxy.url
        machine.register()
    assert proxy.led == []


def test_a_proxy_is_named_where_no_list_of_processes_shows_it(
    machine: Machine, gateway: FakeGateway
) -> None:
    with Proxy(secret="ann:s3cret") as proxy:
        machine.environment["CLOUDHAND_PROXY"] = f"http://ann:s3cret@{proxy.name}"
        machine.register()
        del machine.environment["CLOUDHAND_PROXY"]
        told = machine.agent("status", f"--state={machine.state}")
    assert proxy.led == [gateway.url.removeprefix("http://")] * 2
    assert "s3cret" not in told.stdout + told.stderr
    assert stat.S_IMODE((machine.state / "identity.json").stat().st_mode) == 0o600


def test_a_proxy_that_wants_a_name_and_a_password(machine: Machine) -> None:
    with Proxy(secret="ann:s3cret") as proxy:
        told = _register(machine, proxy.url)
        wrong = _register(machine, f"http://ann:wr0ng@{proxy.name}")
    assert f"the proxy {proxy.name} does not connect to " in told
    assert "(it answered 407); give it a name and a password" in told
    assert "wr0ng" not in wrong


@pytest.mark.parametrize(
    "answer, says",
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "(it answered 403); have it allow CONNECT to port "),
        (b"SSH-2.0-x\r\n\r\n", "what answers as the proxy is none: it does not speak HTTP"),
        (b"\r\n\r\n", "what answers as the proxy is none: it does not speak HTTP"),
        (b"HTTP/1.1\r\n\r\n", "what answers as the proxy is none: it does not speak HTTP"),
        (b"HTTP/1.1 ", "the proxy closed the connection without an answer"),
        (b"x" * 20_000, "the proxy closed the connection without an answer"),
    ],
)
def test_a_proxy_that_does_not_lead_on(machine: Machine, answer: bytes, says: str) -> None:
    with Proxy(answer=answer) as proxy:
        assert says in _register(machine, proxy.url)


def test_where_nobody_listens_as_the_proxy(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name = f"127.0.0.1:{listener.getsockname()[1]}"
    told = _register(machine, f"http://{name}")
    assert f"nobody listens at the proxy {name} (connection refused)" in told


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:hush@host:1",
        "http://ann:hush@:1",
        "http://ann:hush@host:99999",
        "http://ann:hush@[host",
        "http://ann:hush\u2100@host",
        "ann:hush://x@",
        "socks5://ann:hush@host",
        "http://hush:1/2@host:1",
    ],
)
def test_an_address_that_is_no_proxy(machine: Machine, url: str) -> None:
    told = _register(machine, url)
    assert "as a proxy: write http://HOST:PORT" in told
    assert "hush" not in told


def test_a_proxy_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudhand.agent.server._TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server("http://control:1", proxy=f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(Refused, match="the proxy does not answer"):
            server.connect()


@pytest.mark.parametrize(
    "environment, host, tls, name",
    [
        ({}, "control.example", True, ""),
        ({"https_proxy": "http://p:1"}, "control.example", True, "p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "control.example", True, "p:1"),
        ({"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}, "c.example", True, "p:1"),
        ({"https_proxy": "p"}, "control.example", True, "p:8080"),
        ({"https_proxy": "http://p:1"}, "control.example", False, ""),
        ({"http_proxy": "http://p:1"}, "control.example", False, "p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "control.example", False, ""),  # CGI scripts are given it
        ({"https_proxy": "http://p:1", "no_proxy": "example"}, "control.example", True, ""),
        ({"https_proxy": "http://p:1", "no_proxy": ".example"}, "control.example", True, ""),
        (
            {"https_proxy": "http://p:1", "NO_PROXY": "a, control.example"},
            "control.example",
            True,
            "",
        ),
        ({"https_proxy": "http://p:1", "no_proxy": "ample"}, "control.example", True, "p:1"),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "control.example", True, ""),
        (
            {"https_proxy": "http://p:1", "no_proxy": "control.example:8650"},
            "control.example",
            True,
            "",
        ),
        (
            {"https_proxy": "http://p:1", "no_proxy": "control.example:443"},
            "control.example",
            True,
            "p:1",
        ),
        ({"https_proxy": "http://p:1", "no_proxy": "a.org,10.0.0.0/8"}, "10.1.2.3", True, ""),
        ({"https_proxy": "http://p:1", "no_proxy": "fd00::/8 a.org"}, "fd12::1", True, ""),
        ({"https_proxy": "http://p:1"}, "localhost", True, ""),
        ({"https_proxy": "http://p:1"}, "127.0.0.2", True, ""),
        ({"https_proxy": "http://p:1"}, "::1", True, ""),
    ],
)
def test_which_proxy_the_environment_means(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], host: str, tls: bool, name: str
) -> None:
    for one in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(one, raising=False)
    for one, value in environment.items():
        monkeypatch.setenv(one, value)
    found = proxy_for(host, 8650, tls=tls)
    assert (found.name if found else "") == name
