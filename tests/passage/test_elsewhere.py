"""Other hosts: reached as they were before, or refused with the reason."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity, open_passage, reach
from cloudhand.server.tls import TlsFiles, tls_files
from tests.passage.dialogue import dialogue, ended
from tests.passage.plane import Plane, plane


@pytest.fixture
def elsewhere() -> Iterator[Plane]:
    with plane() as running:
        yield running


@pytest.fixture
def certificate(tmp_path: Path) -> TlsFiles:
    return tls_files(tmp_path, "127.0.0.1")


def server_side(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


def test_other_hosts_are_reached_directly(
    destination: Destination, identity: Identity, control_plane: Plane, elsewhere: Plane
) -> None:
    url = f"http://localhost:{elsewhere.port}/x?y"
    with (
        open_passage(destination, identity, environ={}) as environment,
        dialogue(environment) as client,
    ):
        assert client.ask(f"GET {url}", f"Host: localhost:{elsewhere.port}").status == 200
        # The same connection may go to the control plane next.
        assert client.ask("GET http://ecs.aliyuncs.com/").status == 200
    assert elsewhere.last().target == "/x?y"
    assert elsewhere.last().values("proxy-authorization") == []
    assert len(control_plane.requests) == 1


def test_tunnels_to_other_hosts_carry_bytes_until_both_sides_end(
    destination: Destination, identity: Identity, elsewhere: Plane
) -> None:
    with (
        open_passage(destination, identity, environ={}) as environment,
        dialogue(environment) as client,
    ):
        assert client.ask(f"CONNECT 127.0.0.1:{elsewhere.port}").status == 200
        client.send(b"GET /until-close HTTP/1.1\r\n\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer().status == 200
        assert len(client.rest()) == 300_000
        assert ended(elsewhere)


@pytest.mark.parametrize("line", ["GET http://{}/", "CONNECT {}"])
def test_a_host_that_cannot_be_reached_is_named(
    destination: Destination, identity: Identity, line: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"127.0.0.1:{unused.getsockname()[1]}"
    with open_passage(destination, identity, environ={}) as environment:
        for host in (nobody, "a" * 70 + ".invalid:80"):
            with dialogue(environment) as client:
                answer = client.ask(line.format(host))
                assert (answer.status, answer.error["Code"]) == (502, "Passage.HostUnreachable")
                assert host.split(":")[0] in answer.error["Message"]


async def test_a_name_that_leads_to_metadata_is_refused_all_the_same() -> None:
    with pytest.raises(reach.Refused):
        await reach.dial_elsewhere("169.254.169.254", 80)


def inherit(environment: Mapping[str, str], **changes: str) -> dict[str, str]:
    """What a passage within a passage inherits."""
    return {name: environment[name] for name in ("http_proxy", "https_proxy")} | changes


def test_an_inherited_proxy_is_used_with_its_password(
    destination: Destination, identity: Identity, elsewhere: Plane
) -> None:
    here = f"127.0.0.1:{elsewhere.port}"
    with (
        open_passage(destination, identity, environ={}) as outer,
        open_passage(destination, identity, environ=inherit(outer)) as inner,
        dialogue(inner) as client,
        dialogue(inner) as tunnel,
    ):
        assert client.ask(f"GET http://{here}/1").status == 200
        assert client.ask(f"GET http://{here}/2").status == 200
        assert tunnel.ask(f"CONNECT {here}").status == 200
        tunnel.send(b"GET /3 HTTP/1.1\r\n\r\n")
        assert tunnel.answer().status == 200
    assert [request.target for request in elsewhere.requests] == ["/1", "/2", "/3"]


def test_what_the_inherited_proxy_refuses_is_told(
    destination: Destination, identity: Identity, elsewhere: Plane
) -> None:
    here = f"127.0.0.1:{elsewhere.port}"
    with open_passage(destination, identity, environ={}) as outer:
        address = "http://wrong:password@" + outer["http_proxy"].split("@")[1]
        environ = inherit(outer, http_proxy=address, https_proxy=address)
        with open_passage(destination, identity, environ=environ) as inner:
            for line in (f"GET http://{here}/", f"CONNECT {here}"):
                with dialogue(inner) as client:
                    assert client.ask(line).status == 407
        # What goes around the inherited proxy still does.
        environ["no_proxy"] = "127.0.0.0/8"
        with open_passage(destination, identity, environ=environ) as inner:
            for line in (f"GET http://{here}/", f"CONNECT {here}"):
                with dialogue(inner) as client:
                    assert client.ask(line).status == 200


def test_an_inherited_proxy_gets_the_whole_address(
    destination: Destination,
    identity: Identity,
    certificate: TlsFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with plane(server_side(certificate)) as proxy:
        environ = {"http_proxy": f"https://me:word@127.0.0.1:{proxy.port}"}
        with (
            open_passage(destination, identity, environ=environ) as environment,
            dialogue(environment) as client,
        ):
            answer = client.ask("GET http://example.com/x?y", "Host: example.com")
            assert answer.status == 200
        assert proxy.last().target == "http://example.com/x?y"
        assert proxy.last().value("host") == "example.com"
        assert proxy.last().value("proxy-authorization") == "Basic bWU6d29yZA=="


@pytest.mark.parametrize("line", ["GET http://127.0.0.1:{}/", "CONNECT 127.0.0.1:{}"])
def test_an_inherited_proxy_of_another_kind_is_never_gone_around(
    destination: Destination, identity: Identity, elsewhere: Plane, line: str
) -> None:
    environ = {"ALL_PROXY": "socks5h://127.0.0.1:1080"}
    with (
        open_passage(destination, identity, environ=environ) as environment,
        dialogue(environment) as client,
    ):
        answer = client.ask(line.format(elsewhere.port))
        assert answer.status == 502
        assert "socks5h://127.0.0.1:1080" in answer.error["Message"]
    assert elsewhere.connections == 0


def test_the_control_plane_is_reached_in_tls_and_never_through_the_inherited_proxy(
    identity: Identity, certificate: TlsFiles
) -> None:
    with plane(server_side(certificate)) as running:
        destination = Destination(
            host="127.0.0.1",
            port=running.port,
            tls=True,
            ca_pem=certificate.authority.read_bytes(),
        )
        environ = {"all_proxy": "http://127.0.0.1:9"}
        with (
            open_passage(destination, identity, environ=environ) as environment,
            dialogue(environment) as client,
        ):
            for _ in range(3):
                assert client.ask("GET http://ecs.aliyuncs.com/?a=b").status == 200
        assert running.connections == 1
        assert running.last().target == "/?a=b"
