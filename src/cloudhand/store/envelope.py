"""Secrets at rest: AES-GCM under a key that lies in a file of its own beside the database."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_SIZE = 12  # bytes, as NIST SP 800-38D recommends


class Envelope:
    """Seals secrets. ``purpose`` binds a sealed value to its row, so that none can be swapped."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = os.urandom(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """ValueError when the key is another one or the value was changed."""
        try:
            nonce, text = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
            return self._cipher.decrypt(nonce, text, purpose.encode())
        except InvalidTag:
            raise ValueError(f"cannot open the secret of {purpose}: wrong key") from None


def open_envelope(path: Path) -> Envelope:
    """The envelope whose key is in ``path``, which is made when it is missing."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return Envelope(path.read_bytes())
    key = AESGCM.generate_key(256)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return Envelope(key)
