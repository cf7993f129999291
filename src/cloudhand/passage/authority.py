"""A certificate authority for one run: its keys are never written anywhere.

It may speak for the real service's domains alone, for a day, and clients trust it only where
they were told to.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PERMITTED = ("aliyuncs.com", "aliyun.com")
LIFE = timedelta(days=1)
_HOSTS_KEPT = 256


class Authority:
    """Make the authority at once, and a server context for each host on demand."""

    def __init__(self, now: datetime | None = None) -> None:
        # Certificates count in whole seconds; the first one must not lie ahead.
        self._from = (now or datetime.now(UTC)).replace(microsecond=0)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign_own()
        self.context = lru_cache(_HOSTS_KEPT)(self._context)

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def _context(self, host: str) -> ssl.SSLContext:
        """A server's side of TLS that proves to be ``host``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        chain = self._sign(host).public_bytes(serialization.Encoding.PEM)
        _load(context, chain + self.pem + _private(self._leaf_key))
        return context

    def _sign_own(self) -> x509.Certificate:
        names = [x509.DNSName(domain) for domain in PERMITTED]
        addresses = [x509.IPAddress(ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
        name = _name("Cloudhand rehearsal, valid for one run")
        usage = _usage(authority=True)
        return (
            self._builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.NameConstraints(names, addresses), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _sign(self, host: str) -> x509.Certificate:
        issuer = self._certificate.subject
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        return (
            self._builder(_name("Cloudhand control plane"), issuer, self._leaf_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(server, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._from)
            .not_valid_after(self._from + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _name(organization: str) -> x509.Name:
    # No common name: older clients would compare it with the permitted domains.
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    """Give a chain and its key to a context, which takes them only from a file."""
    descriptor = os.memfd_create("cloudhand-passage")
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
