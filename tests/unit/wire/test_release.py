"""The signature of a release, against a well-known library; and what is said of upgrades."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloudhand.wire import release
from cloudhand.wire.release import Manifest, Order, Outcome, is_signed, read_key

SIZE = release.KEY_BITS // 8
TEXT = '{"version": "1.0"}'
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
DIGEST = hashlib.sha256(TEXT.encode()).digest()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=release.KEY_BITS)


def modulus(key: rsa.RSAPrivateKey) -> int:
    return key.public_key().public_numbers().n


def signed(key: rsa.RSAPrivateKey, text: str, algorithm: hashes.HashAlgorithm) -> str:
    return key.sign(text.encode(), padding.PKCS1v15(), algorithm).hex()


def of(key: rsa.RSAPrivateKey, message: bytes) -> str:
    """What its owner could sign, whatever the message is."""
    numbers = key.private_numbers()
    number = pow(int.from_bytes(message, "big"), numbers.d, numbers.public_numbers.n)
    return number.to_bytes(SIZE, "big").hex()


def padded(tail: bytes) -> bytes:
    return b"\0\1" + b"\xff" * (SIZE - 3 - len(tail)) + b"\0" + tail


def test_what_the_library_signs_is_signed(key: rsa.RSAPrivateKey) -> None:
    for text in (TEXT, "", "ä" * 5000):
        assert is_signed(text, signed(key, text, hashes.SHA256()), modulus(key))
    assert is_signed(TEXT, of(key, padded(INFO + DIGEST)), modulus(key))


def test_nothing_else_is(key: rsa.RSAPrivateKey) -> None:
    good, n = signed(key, TEXT, hashes.SHA256()), modulus(key)
    other = rsa.generate_private_key(public_exponent=65537, key_size=release.KEY_BITS)
    assert not is_signed(TEXT, good, modulus(other))
    assert not is_signed(TEXT, signed(other, TEXT, hashes.SHA256()), n)
    assert not is_signed(TEXT + " ", good, n)
    assert not is_signed(TEXT, signed(key, TEXT, hashes.SHA512()), n)
    for broken in (
        "",
        good[:-2],
        good + "00",
        good[:-1],
        good.upper(),
        good[:-1] + "\n",
        "zz" * SIZE,
    ):
        assert not is_signed(TEXT, broken, n)
    flipped = f"{int(good, 16) ^ 1:0{2 * SIZE}x}"
    assert not is_signed(TEXT, flipped, n)
    # The same number once more, which some take for another signature.
    more = int(good, 16) + n
    if more < 1 << (8 * SIZE):
        assert not is_signed(TEXT, f"{more:0{2 * SIZE}x}", n)
    for number in (0, 1, n - 1):
        assert not is_signed(TEXT, f"{number:0{2 * SIZE}x}", n)


@pytest.mark.parametrize(
    "message",
    [
        # Little padding, and room behind the digest for whatever makes a number a power.
        (b"\0\1" + b"\xff" * 8 + b"\0" + INFO + DIGEST).ljust(SIZE, b"\0"),
        padded(INFO + DIGEST + b"\0"),
        # Without the parameters of the algorithm, which some let pass.
        padded(bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + DIGEST),
        # Encoded in the long form.
        padded(b"\x30\x81\x31" + INFO[2:] + DIGEST),
        padded(DIGEST),
        b"\0\2" + b"\xff" * (SIZE - 54) + b"\0" + INFO + DIGEST,
        b"\0\1" + b"\xfe" * (SIZE - 54) + b"\0" + INFO + DIGEST,
        b"\0\1" + b"\xff" * (SIZE - 53) + INFO + DIGEST,
        b"\0" * (SIZE - 51) + INFO + DIGEST,
    ],
)
def test_no_other_message_will_do(key: rsa.RSAPrivateKey, message: bytes) -> None:
    assert len(message) == SIZE
    assert not is_signed(TEXT, of(key, message), modulus(key))


def test_a_key_is_read(key: rsa.RSAPrivateKey) -> None:
    text = f"{modulus(key):x}"
    assert read_key(f"{text}\n") == modulus(key)
    small = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for wrong in (
        "",
        "1",
        f"{modulus(small):x}",
        text[:-2],
        text + "00",
        text[:-1] + "0",
        "no key",
    ):
        with pytest.raises(ValueError, match="it is no release key"):
            read_key(wrong)


MANIFEST = Manifest(
    version="0.2.0", digest="a" * 64, size=7, python="3.9", signed_at=1_700_000_000_000
)


def test_a_manifest_is_its_text() -> None:
    assert Manifest.from_text(MANIFEST.to_text()) == MANIFEST
    assert MANIFEST.called() == "0.2.0"
    assert MANIFEST.called("0.2.0") == "0.2.0 (aaaaaaaa)"


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "a" * 63},
        {"sha256": "A" * 64},
        {"sha256": None},
        {"size": 0},
        {"size": True},
        {"size": "7"},
        {"signedAt": -1},
        {"signedAt": 10**15},
        {"python": "3"},
        {"python": "three.nine"},
        {"version": 1},
    ],
)
def test_what_is_no_manifest_is_told(changes: dict[str, Any]) -> None:
    values = {**json.loads(MANIFEST.to_text()), **changes}
    with pytest.raises(ValueError):
        Manifest.from_text(json.dumps(values))


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 10_000])
def test_neither_is_what_is_no_object(text: str) -> None:
    with pytest.raises(ValueError):
        Manifest.from_text(text)


def test_orders_and_outcomes_are_their_messages() -> None:
    order = Order("u-1", MANIFEST.to_text(), "00")
    assert Order.from_json(order.to_json()) == order
    assert Order.from_json({}) is None
    with pytest.raises(ValueError, match="id is missing"):
        Order.from_json({"manifest": "x"})
    outcome = Outcome("u-1", release.ROLLED_BACK, "it was not online")
    assert Outcome.from_query(outcome.to_query()) == outcome
    with pytest.raises(ValueError, match="outcome is none of"):
        Outcome.from_query({"id": "u-1", "outcome": "won"})
