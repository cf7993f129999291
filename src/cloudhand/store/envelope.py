"""Secrets at rest: AES-256-GCM under keys that do not lie in the database.

They are in a file of their own beside it, or given by whoever starts us. The first one seals; the
others open what was sealed before it came.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloudhand.store.database import StoreError
from cloudhand.store.lasting import write_whole

_KEY_SIZE = 32  # bytes
_NONCE_SIZE = 12  # bytes, as NIST SP 800-38D recommends


class Envelope:
    """Seals secrets. ``purpose`` binds a sealed value to its row, so that none can be swapped."""

    def __init__(self, keys: Sequence[bytes], kept_in: str) -> None:
        self._ciphers = [AESGCM(key) for key in keys]
        self._kept_in = kept_in

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._ciphers[0].encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """StoreError when no key fits or the value was changed."""
        nonce, text = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, text, purpose.encode())
            except InvalidTag:
                continue
        raise StoreError(
            f"cannot open the secret of {purpose}: wrong key in {self._kept_in}; put the right"
            " one back"
        )


def open_envelope(path: Path, *, new: bool) -> Envelope:
    """The envelope whose keys are in ``path``; if it is new one is put there. StoreError."""
    if new:
        write_whole(path, _fresh(), 0o600)
    return Envelope(_read(path), str(path))


def given_envelope(text: str, *, given_by: str) -> Envelope:
    """The envelope of keys in base64, with commas between them; StoreError."""
    keys = []
    for part in text.split(","):
        try:
            keys.append(base64.b64decode(part.strip(), validate=True))
        except ValueError:
            raise StoreError(f"cannot use {given_by}: it is no base64") from None
    if not all(len(key) == _KEY_SIZE for key in keys):
        raise StoreError(f"cannot use {given_by}: a key has {_KEY_SIZE} bytes")
    return Envelope(keys, given_by)


def add_key(path: Path) -> None:
    """From now on a fresh key seals, and those that are there open; StoreError."""
    write_whole(path, _fresh() + b"".join(_read(path)), 0o600)


def drop_old_keys(path: Path) -> None:
    """Only the key that seals opens any more; StoreError."""
    write_whole(path, _read(path)[0], 0o600)


def _fresh() -> bytes:
    return AESGCM.generate_key(8 * _KEY_SIZE)


def _read(path: Path) -> list[bytes]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"cannot use {path}: it is missing, and opens what is stored; put it back"
        ) from None
    if not text or len(text) % _KEY_SIZE:
        raise StoreError(f"cannot use {path}: it is no key of {_KEY_SIZE} bytes; put a copy back")
    return [text[at : at + _KEY_SIZE] for at in range(0, len(text), _KEY_SIZE)]
