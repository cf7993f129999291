"""Secrets at rest: AES-GCM under a key that lies in a file of its own beside the database."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloudhand.store.database import StoreError

_KEY_SIZE = 32  # bytes
_NONCE_SIZE = 12  # bytes, as NIST SP 800-38D recommends


class Envelope:
    """Seals secrets. ``purpose`` binds a sealed value to its row, so that none can be swapped."""

    def __init__(self, key: bytes, kept_in: Path) -> None:
        self._cipher = AESGCM(key)
        self._kept_in = kept_in

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """StoreError when the key is another one or the value was changed."""
        try:
            nonce, text = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
            return self._cipher.decrypt(nonce, text, purpose.encode())
        except InvalidTag:
            raise StoreError(
                f"cannot open the secret of {purpose}: wrong key in {self._kept_in}; put the right"
                " one back"
            ) from None


def open_envelope(path: Path, *, new: bool) -> Envelope:
    """The envelope whose key is in ``path``, or is put there if it is new; StoreError."""
    if new:
        _write(path, AESGCM.generate_key(8 * _KEY_SIZE))
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"cannot use {path}: it is missing, and opens what is stored; put it back"
        ) from None
    if len(key) != _KEY_SIZE:
        raise StoreError(f"cannot use {path}: it is no key of {_KEY_SIZE} bytes; put a copy back")
    return Envelope(key, path)


def _write(path: Path, key: bytes) -> None:
    """The file is whole or not there, whenever this is cut off."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
