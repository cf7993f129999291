"""The client of the public API that the commands use."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from cloudhand.cli import fleet
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import Endpoint
from cloudhand.cli.errors import ApiError, ClientError, Mistake, Unreachable
from cloudhand.server.tls import tls_files
from tests.api.cloud import KEY, Cloud


def endpoint(port: int) -> Endpoint:
    return Endpoint(
        url=f"http://127.0.0.1:{port}",
        region_id="cn-hangzhou",
        access_key_id="id",
        access_key_secret="secret",
    )


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A server that gives one answer to a connection, and hangs up."""

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_lists_and_tags_reach_an_operation(client: Client, it: Cloud) -> None:
    (instance_id,) = it.instances()
    asked = client.call(
        "RunCommand",
        {
            "Type": "RunShellScript",
            "CommandContent": "true",
            "InstanceId": [instance_id],
            "Tag": [{"Key": "a", "Value": "b & c=ü"}],
        },
    )
    found = client.call("DescribeInvocations", {"InvokeId": asked["InvokeId"]})
    (tag,) = found["Invocations"]["Invocation"][0]["Tags"]["Tag"]
    assert tag == {"TagKey": "a", "TagValue": "b & c=ü"}


def test_a_refusal_keeps_its_code(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.call("StopInvocation", {"InvokeId": "t-nowhere"})
    assert refused.value.code == "InvalidInvokeId.NotFound"
    assert refused.value.status == 404


@pytest.mark.parametrize("key_id", [KEY.id, "other"])
def test_a_key_that_is_refused_is_said_to_be_where_it_was_found(it: Cloud, key_id: str) -> None:
    found = replace(endpoint(it.port), access_key_id=key_id, key_from="HERE and THERE")
    client = Client(found)

    with pytest.raises(ApiError, match=r"does not know the access key of HERE and THERE$"):
        client.call("DescribeRegions")

    client.close()


def test_a_kept_connection_that_was_closed_is_made_anew() -> None:
    with answering(ok(b'{"a": 1}'), ok(b'{"a": 2}')) as port:
        client = Client(endpoint(port))
        assert client.call("One") == {"a": 1}
        assert client.call("Two") == {"a": 2}
        client.close()


def test_something_else_that_answers_is_named() -> None:
    with answering(ok(b"<html>")) as port:
        client = Client(endpoint(port))
        with pytest.raises(ClientError, match="no Cloudhand control plane"):
            client.call("One")
        client.close()


def test_all_pages_of_machines_are_read(client: Client, it: Cloud) -> None:
    ids = it.instances(51)  # one more than a page of agents

    assert sorted(machine.id for machine in fleet.machines(client)) == sorted(ids)


def test_a_fleet_counts_what_is_there(client: Client, it: Cloud) -> None:
    (first,) = it.instances()

    ids = fleet.ensure(client, 3)

    assert len(ids) == 3
    assert first in ids
    assert fleet.ensure(client, 2) == fleet.ensure(client, 3)


def test_new_ones_of_a_fleet_are_named_after_the_highest_number_there(
    client: Client, it: Cloud
) -> None:
    it.instances(instance_name="hand-09")
    it.instances(instance_name="hand-of-mine")

    fleet.ensure(client, 4)

    names = [machine.name for machine in fleet.machines(client)]
    assert names == ["hand-09", "hand-10", "hand-11", "hand-of-mine"]


def test_waiting_has_an_end_that_names_who_is_late(client: Client, it: Cloud) -> None:
    (instance_id,) = it.instances()

    with pytest.raises(ClientError, match=instance_id):
        fleet.wait(client, [instance_id], "Stopped", at_most=0.1)


@contextmanager
def _with_tls(folder: Path) -> Iterator[tuple[int, Path]]:
    """A server with a certificate of its own authority; its port, and the authority."""
    files = tls_files(folder, "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as it:
            it.recv(65536)
            it.sendall(ok(b'{"a": 1}'))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], files.authority
        thread.join(20)
        assert not thread.is_alive()


def _secure(port: int, ca: str) -> Client:
    return Client(replace(endpoint(port), url=f"https://127.0.0.1:{port}", ca=ca))


def test_the_authority_of_a_control_plane_is_trusted_once_it_is_named(tmp_path: Path) -> None:
    with _with_tls(tmp_path) as (port, authority):
        client = _secure(port, str(authority))
        assert client.call("One") == {"a": 1}
        client.close()


def test_a_certificate_of_nobody_known_is_told_with_the_option_that_helps(tmp_path: Path) -> None:
    with _with_tls(tmp_path) as (port, _):
        client = _secure(port, "")
        with pytest.raises(ClientError, match=r"cannot trust the certificate .* --ca FILE"):
            client.call("One")
        client.close()


def test_https_where_there_is_none_is_told() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        client = _secure(port, "")
        with pytest.raises(ClientError, match="speaks no https: try http://"):
            client.call("One")
        client.close()


@pytest.mark.parametrize(("text", "says"), [("no authority", "no PEM"), (None, "no such file")])
def test_a_wrong_authority_is_a_mistake(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Mistake, match=says):
        _secure(9, str(file)).call("One")


def test_a_server_that_hangs_up_is_unreachable_in_words() -> None:
    with answering(b"") as port:
        client = Client(endpoint(port))
        with pytest.raises(Unreachable, match="it hung up without an answer"):
            client.call("One")
        client.close()


def test_an_interruption_is_not_lost_as_an_answer_is_let_go(
    it: Cloud, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = http.client.HTTPResponse.close

    def interrupted(response: http.client.HTTPResponse) -> None:
        close(response)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(http.client.HTTPResponse, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.call("DescribeRegions")
