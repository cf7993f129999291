"""The key that signs releases of the agent, and what is signed with it.

Both lie in the state directory and are made once somebody needs them. What is signed anew is the
agent of this version, whenever it is another than that which was signed last; so its moment orders
releases also where one goes back to an earlier version on purpose.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import cloudhand
from cloudhand.core.upgrade import Release
from cloudhand.store.lasting import make_folder, write_whole
from cloudhand.wire.release import KEY_BITS, Manifest

FOLDER = "release"  # of the state directory
_PYTHON = "3.9"  # on which agents run


class SignedReleases:
    """control.upgrades.Releases."""

    def __init__(self, state: Path, agent: Path) -> None:
        self._folder = state / FOLDER
        self._agent = agent
        self._lock = asyncio.Lock()
        self._release: Release | None = None

    async def offered(self) -> Release:
        """OSError. Made in a thread, since the first key takes a while."""
        async with self._lock:
            if self._release is None:
                self._release = await asyncio.to_thread(release, self._folder, self._agent)
            return self._release


def release(folder: Path, agent: Path) -> Release:
    """Of an agent's one file."""
    if not folder.exists():
        make_folder(folder, 0o700)
    key = _key(folder / "key.pem")
    package = agent.read_bytes()
    manifest, signature = _signed(folder / "signed", key, package)
    return Release(
        manifest=manifest.to_text(),
        signature=signature,
        key=f"{key.public_key().public_numbers().n:x}",
        version=manifest.version,
        digest=manifest.digest,
        package=package,
    )


def _key(path: Path) -> rsa.RSAPrivateKey:
    if not path.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        pem = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_whole(path, pem, 0o600)
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _signed(path: Path, key: rsa.RSAPrivateKey, package: bytes) -> tuple[Manifest, str]:
    """What was signed last, if it is of this package; else what is signed now."""
    digest = hashlib.sha256(package).hexdigest()
    last = Manifest.from_text(path.read_text()) if path.exists() else None
    if last is not None and last.digest == digest:
        return last, sign(key, last.to_text())
    now = int(time.time() * 1000)
    manifest = Manifest(
        version=cloudhand.__version__,
        digest=digest,
        size=len(package),
        python=_PYTHON,
        signed_at=max(now, last.signed_at + 1) if last is not None else now,
    )
    # Before anybody sees it, so that none that is given out is ever later than the next.
    write_whole(path, manifest.to_text().encode(), 0o600)
    return manifest, sign(key, manifest.to_text())


def sign(key: rsa.RSAPrivateKey, text: str) -> str:
    """As wire.release.is_signed checks it."""
    return key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
