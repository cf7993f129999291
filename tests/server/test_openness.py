"""A control plane that others can reach speaks TLS, unless its operator says otherwise."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloudhand.server.main import CannotStart, control_plane
from cloudhand.server.settings import Settings

_TOLD = "has --tls for that, and where something else encrypts say --plain-http"


def _settings(path: Path, host: str) -> Settings:
    return Settings(state=path / "state", listen_host=host, plain_processes=True)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # both are refused
async def test_nobody_listens_for_others_without_tls(tmp_path: Path, host: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with pytest.raises(CannotStart, match=f"cannot listen on {host} without TLS: .*{_TOLD}"):
        async with control_plane(_settings(tmp_path, host)):
            pass
    assert not (tmp_path / "state").exists()


async def test_a_name_counts_as_the_address_that_it_has(tmp_path: Path) -> None:
    """However it is spelled: a shorter way to say 0.0.0.0."""
    with pytest.raises(CannotStart, match=_TOLD):
        async with control_plane(_settings(tmp_path, "0")):
            pass


@pytest.mark.parametrize(
    ("host", "more", "scheme"),
    [
        ("127.0.0.1", {}, "http"),
        ("127.0.0.2", {}, "http"),
        ("localhost", {}, "http"),
        ("0.0.0.0", {"tls": True}, "https"),
        ("0.0.0.0", {"plain_http": True}, "http"),
    ],
)
async def test_this_machine_alone_and_who_was_told_may_do_without(
    tmp_path: Path, host: str, more: dict[str, Any], scheme: str
) -> None:
    async with control_plane(replace(_settings(tmp_path, host), **more)) as running:
        assert running.url.startswith(f"{scheme}://")
