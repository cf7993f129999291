"""An authority of our own, and the certificate it gives to this control plane.

Both lie in the state directory and are made once; the certificate is made anew when the names
or addresses that it must hold change, or when it is about to expire. Its key stays, by which those
know it who have pinned it.
"""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloudhand.store.lasting import make_folder, write_whole

_AUTHORITY_LIFE = timedelta(days=3650)
_CERTIFICATE_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Paths of PEM files."""

    authority: Path
    certificate: Path
    key: Path


def tls_files(state: Path, host: str, also: Sequence[str] = ()) -> TlsFiles:
    """Files for a server that is reached as ``host``, by the machine's name, or on loopback.

    ``also``: names and addresses that it has besides.
    """
    folder = state / "tls"
    if not folder.exists():
        make_folder(folder, 0o700)
    files = _files(state)
    authority_key = folder / "ca.key"
    if not authority_key.exists():
        _make_authority(files.authority, authority_key)
    renew(state, host, also)
    return files


def renew(state: Path, host: str, also: Sequence[str] = ()) -> bool:
    """Make the certificate anew if it is time; whether it was."""
    files = _files(state)
    names = sorted(
        {host, socket.gethostname(), "localhost", "127.0.0.1", "::1", *also} - {"0.0.0.0", "::"}
    )
    if _still_good(files, names):
        return False
    _make_certificate(files, files.authority.with_name("ca.key"), names)
    return True


def _files(state: Path) -> TlsFiles:
    folder = state / "tls"
    return TlsFiles(
        authority=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key"
    )


def pin(certificate: Path) -> str:
    """Of its key, as `curl --pinnedpubkey` takes it (RFC 7469, 2.4)."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "sha256//" + base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def _make_authority(path: Path, key_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Cloudhand control plane")])
    certificate = (
        _builder(name, name, key.public_key(), _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_whole(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
    _write_key(key_path, key)


def _make_certificate(files: TlsFiles, authority_key: Path, names: list[str]) -> None:
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    signer = serialization.load_pem_private_key(authority_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = _key(files.key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), _CERTIFICATE_LIFE)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    write_whole(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    """That which is there, or a new one."""
    if not path.exists():
        _write_key(path, ec.generate_private_key(ec.SECP256R1()))
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(files: TlsFiles, names: list[str]) -> bool:
    if not files.certificate.exists() or not files.key.exists():
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    wanted = {_general(name) for name in names}
    fresh = certificate.not_valid_after_utc - _RENEW_BEFORE > datetime.now(UTC)
    return fresh and wanted <= set(held)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_whole(path, pem, 0o600)
