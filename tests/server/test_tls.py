"""The certificate of a control plane: made anew in time, with the key that others know."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from cloudhand.rehearsal.clock import VirtualClock
from cloudhand.server import tls
from cloudhand.server.main import serving


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tls.TlsFiles:
    """Of a control plane that has run for more than a year."""
    monkeypatch.setattr(tls, "_CERTIFICATE_LIFE", timedelta(days=29))
    files = tls.tls_files(tmp_path, "127.0.0.1")
    monkeypatch.undo()
    return files


def test_one_that_is_valid_for_long_stays(tmp_path: Path) -> None:
    files = tls.tls_files(tmp_path, "127.0.0.1")
    before = serial(files.certificate)
    assert not tls.renew(tmp_path, "127.0.0.1")
    assert serial(tls.tls_files(tmp_path, "127.0.0.1").certificate) == before


def test_one_that_is_about_to_expire_is_made_anew_with_the_key_it_had(
    tmp_path: Path, old: tls.TlsFiles
) -> None:
    before, pin = serial(old.certificate), tls.pin(old.certificate)
    assert tls.renew(tmp_path, "127.0.0.1")
    assert serial(old.certificate) != before
    assert tls.pin(old.certificate) == pin
    assert not tls.renew(tmp_path, "127.0.0.1")


def test_another_name_is_in_the_next_one(tmp_path: Path) -> None:
    files = tls.tls_files(tmp_path, "127.0.0.1")
    pin = tls.pin(files.certificate)
    tls.tls_files(tmp_path, "127.0.0.1", ["control.example"])
    held = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "control.example" in names.get_values_for_type(x509.DNSName)
    assert tls.pin(files.certificate) == pin


async def met(port: int, authority: Path) -> int:
    """The serial number of the certificate that who connects now meets."""
    context = ssl.create_default_context(cafile=str(authority))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(found).serial_number


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    return None


async def test_whoever_connects_meets_the_new_one_without_a_restart(
    tmp_path: Path, old: tls.TlsFiles
) -> None:
    clock, before = VirtualClock(), serial(old.certificate)
    renewal = partial(tls.renew, tmp_path, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        async with serving(nothing, [], listener, old, renewal=renewal, clock=clock):
            assert await met(port, old.authority) == before
            clock.move(timedelta(hours=12))
            for _ in range(10):
                await asyncio.sleep(0)
            assert serial(old.certificate) != before
            assert await met(port, old.authority) == serial(old.certificate)


async def test_a_disk_that_is_full_leaves_the_old_one_and_is_tried_again(
    tmp_path: Path, old: tls.TlsFiles
) -> None:
    clock, before, failures = VirtualClock(), serial(old.certificate), [OSError("disk full")]

    def renewal() -> bool:
        if failures:
            raise failures.pop()
        return tls.renew(tmp_path, "127.0.0.1")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with serving(nothing, [], listener, old, renewal=renewal, clock=clock):
            for _ in range(2):
                clock.move(timedelta(hours=12))
                for _ in range(10):
                    await asyncio.sleep(0)
    assert failures == []
    assert serial(old.certificate) != before
