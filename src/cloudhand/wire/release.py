"""A release of the agent: what is signed of a package, how that is checked, and what is said of an
upgrade to it (*extension*).

The signature is RSA with SHA-256 (RFC 8017, RSASSA-PKCS1-v1_5) by a key of 3072 bits whose exponent
is 65537. Nothing of a signature is parsed: the one message that the key may have signed is made
here and compared as a whole, so that there is no padding in which something could be forged.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional

from cloudhand.wire import checked
from cloudhand.wire.signature import sha256

UPGRADE_PATH = "/luban/api/v1/cloudhand/upgrade"
PACKAGE_PATH = "/luban/api/v1/cloudhand/package"

KEY_BITS = 3072
_BYTES = KEY_BITS // 8
_EXPONENT = 65537
# The DER of a DigestInfo of SHA-256, up to the digest (RFC 8017, 9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_HEX = re.compile(r"[0-9a-f]+\Z")
_DIGEST_SHOWN = 8  # characters

# What becomes of an upgrade.
UPGRADED = "upgraded"
ROLLED_BACK = "rolled back"
REFUSED = "refused"
OUTCOMES = (UPGRADED, ROLLED_BACK, REFUSED)


class WrongRelease(ValueError):
    """Why a package is not for this agent, in a clause without a subject."""


@dataclass(frozen=True)
class Manifest:
    """What is signed. ``signed_at`` orders releases: none goes back to one that is older."""

    version: str
    digest: str  # SHA-256 of the package, hex
    size: int  # of it, in bytes
    python: str  # the first version that it runs on, as 3.9
    signed_at: int  # ms since the epoch

    def to_text(self) -> str:
        return json.dumps(
            {
                "version": self.version,
                "sha256": self.digest,
                "size": self.size,
                "python": self.python,
                "signedAt": self.signed_at,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "Manifest":
        """ValueError for what is none."""
        try:
            values = json.loads(text)
        except RecursionError:
            values = None
        if not isinstance(values, dict):
            raise ValueError("a manifest is an object")
        digest = checked.text(values, "sha256")
        if len(digest) != 64 or not _HEX.match(digest):
            raise ValueError("sha256 is no digest")
        if not re.match(r"\d{1,4}\.\d{1,4}\Z", checked.text(values, "python")):
            raise ValueError("python is no version")
        return cls(
            version=checked.text(values, "version"),
            digest=digest,
            size=_count(values, "size"),
            python=values["python"],
            signed_at=_count(values, "signedAt"),
        )

    def called(self, other_version: str = "") -> str:
        """By its version, and where another has the same by its package as well."""
        return called(self.version, self.digest, other_version)


def called(version: str, digest: str, other_version: str) -> str:
    return f"{version} ({digest[:_DIGEST_SHOWN]})" if version == other_version else version


def read_key(text: str) -> int:
    """The modulus of a release key, which is kept as hexadecimal digits; ValueError."""
    text = text.strip()
    if not _HEX.match(text) or len(text) > 2 * _BYTES:
        raise ValueError("it is no release key")
    modulus = int(text, 16)
    if modulus.bit_length() != KEY_BITS or not modulus & 1:
        raise ValueError(f"it is no release key of {KEY_BITS} bits")
    return modulus


def is_signed(text: str, signature: str, modulus: int) -> bool:
    """``signature``: hexadecimal digits, as many as the key has."""
    if len(signature) != 2 * _BYTES or not _HEX.match(signature):
        return False
    number = int(signature, 16)
    if number >= modulus:
        return False
    return pow(number, _EXPONENT, modulus).to_bytes(_BYTES, "big") == _encoded(text)


def _encoded(text: str) -> bytes:
    """The only message that a key signs for a text (RFC 8017, 9.2)."""
    info = _DIGEST_INFO + bytes(sha256(text.encode()).digest())
    return b"\0\1" + b"\xff" * (_BYTES - 3 - len(info)) + b"\0" + info


@dataclass(frozen=True)
class Order:
    """Part of a worklist: upgrade to this release. Handed out until its outcome is told."""

    id: str
    manifest: str  # as it was signed
    signature: str

    def to_json(self) -> "dict[str, Any]":
        return {"id": self.id, "manifest": self.manifest, "signature": self.signature}

    @classmethod
    def from_json(cls, body: "Mapping[str, Any]") -> "Optional[Order]":
        """None where there is none; ValueError."""
        if not body:
            return None
        said = {name: checked.text(body, name) for name in ("id", "manifest", "signature")}
        if not said["id"]:
            raise ValueError("id is missing")
        return cls(**said)


@dataclass(frozen=True)
class Outcome:
    """What became of an upgrade; told until it is acknowledged."""

    id: str
    outcome: str  # of OUTCOMES
    reason: str = ""

    def to_query(self) -> "dict[str, str]":
        return {"id": self.id, "outcome": self.outcome, "reason": self.reason[:1000]}

    @classmethod
    def from_query(cls, query: "Mapping[str, str]") -> "Outcome":
        """ValueError."""
        outcome = query.get("outcome", "")
        if outcome not in OUTCOMES:
            raise ValueError(f"outcome is none of {', '.join(OUTCOMES)}")
        return cls(checked.text(query, "id"), outcome, checked.text(query, "reason"))


def _count(values: "Mapping[str, Any]", name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**14:
        raise ValueError(f"{name} is no count")
    return value
