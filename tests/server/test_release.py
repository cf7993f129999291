"""The key that signs releases is made once, and each package is signed once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import cloudhand
from cloudhand.server.release import FOLDER, SignedReleases, release
from cloudhand.wire.release import Manifest, is_signed, read_key


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent.pyz"
    path.write_bytes(b"first")
    return path


async def test_what_is_offered_is_signed_and_stays_so(tmp_path: Path, agent: Path) -> None:
    assert not (tmp_path / FOLDER).exists()
    releases = SignedReleases(tmp_path, agent)
    offered, same = await asyncio.gather(releases.offered(), releases.offered())
    assert offered is same
    assert is_signed(offered.manifest, offered.signature, read_key(offered.key))
    manifest = Manifest.from_text(offered.manifest)
    assert (manifest.version, manifest.size) == (cloudhand.__version__, 5)
    assert (offered.version, offered.digest) == (manifest.version, manifest.digest)
    kept = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / FOLDER).iterdir()}
    assert kept == {"key.pem": 0o600, "signed": 0o600}
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700

    assert await SignedReleases(tmp_path, agent).offered() == offered


async def test_another_package_is_later_also_where_it_was_there_before(
    tmp_path: Path, agent: Path
) -> None:
    moments, keys = [], set()
    for package in (b"first", b"second", b"first"):
        agent.write_bytes(package)
        offered = await SignedReleases(tmp_path, agent).offered()
        moments.append(Manifest.from_text(offered.manifest).signed_at)
        keys.add(offered.key)
    assert moments == sorted(set(moments))
    assert len(keys) == 1


def test_a_clock_that_went_back_makes_no_release_older(tmp_path: Path, agent: Path) -> None:
    first = Manifest.from_text(release(tmp_path / FOLDER, agent).manifest)
    ahead = Manifest(**{**vars(first), "signed_at": first.signed_at + 10**9})
    (tmp_path / FOLDER / "signed").write_text(ahead.to_text())
    agent.write_bytes(b"second")
    second = Manifest.from_text(release(tmp_path / FOLDER, agent).manifest)
    assert second.signed_at == ahead.signed_at + 1


async def test_what_cannot_be_read_is_tried_again(tmp_path: Path, agent: Path) -> None:
    releases = SignedReleases(tmp_path, agent)
    os.rename(agent, tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        await releases.offered()
    os.rename(tmp_path / "away", agent)
    assert (await releases.offered()).package == b"first"
