"""The authority of one run: what it can prove, and to whom."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from cloudhand.passage.authority import LIFE, Authority

HOST = "ecs.cn-hangzhou.aliyuncs.com"


def handshake(authority: Authority, host: str, *, expected: str) -> None:
    """A whole TLS handshake in memory; raises what the client would raise."""
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    # What newer Pythons ask of every certificate.
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up, server_hostname=expected)
    server = authority.context(host).wrap_bio(up, down, server_side=True)
    done = 0
    for _ in range(4):
        done = 0
        for side in (client, server):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                pass
    assert done == 2


@pytest.mark.parametrize(
    "host", [HOST, "sts.aliyuncs.com", "a.very." + "long." * 20 + "aliyun.com"]
)
def test_it_proves_to_be_a_host_of_its_domains(host: str) -> None:
    handshake(Authority(), host, expected=host)


def test_a_certificate_is_for_one_host_alone() -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(Authority(), HOST, expected="oos.cn-hangzhou.aliyuncs.com")


@pytest.mark.parametrize("host", ["example.com", "aliyuncs.com.example.com", "notaliyuncs.com"])
def test_it_cannot_speak_for_any_other_domain(host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(Authority(), host, expected=host)


def test_it_is_not_trusted_before_or_after_its_day() -> None:
    late = Authority(datetime.now(UTC) - LIFE - timedelta(seconds=1))
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(late, HOST, expected=HOST)
    early = Authority(datetime.now(UTC) + timedelta(minutes=5))
    with pytest.raises(ssl.SSLCertVerificationError, match="not yet valid"):
        handshake(early, HOST, expected=HOST)


def test_it_is_valid_for_a_day_and_constrained_by_name_and_address() -> None:
    certificate = x509.load_pem_x509_certificate(Authority().pem)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=1)
    found = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert [name.value for name in found.value.permitted_subtrees or ()] == [
        "aliyuncs.com",
        "aliyun.com",
    ]
    assert len(list(found.value.excluded_subtrees or ())) == 2


def test_each_run_has_its_own() -> None:
    one, other = Authority(), Authority()
    assert one.pem != other.pem
    trusting = x509.load_pem_x509_certificate(one.pem).public_key()
    assert trusting != x509.load_pem_x509_certificate(other.pem).public_key()


def test_contexts_are_kept_and_leave_no_descriptor_open() -> None:
    authority = Authority()
    authority.context(HOST)
    before = len(os.listdir("/proc/self/fd"))
    assert authority.context(HOST) is authority.context(HOST)
    authority.context("sts.aliyuncs.com")
    assert len(os.listdir("/proc/self/fd")) == before
