"""What a child finds in its environment."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cloudhand.passage import Destination, Identity, open_passage
from cloudhand.passage.environment import TRUST_VARIABLES

HOSTILE = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "genuine",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "genuine",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "genuine",
    "ALIBABA_CLOUD_CREDENTIALS_URI": "genuine",
    "ALIBABA_CLOUD_CREDENTIALS_FILE": "genuine",
    "ALIBABA_CLOUD_PROFILE": "genuine",
    "ALIBABA_CLOUD_ROLE_ARN": "genuine",
    "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "genuine",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "genuine",
    "ALIBABA_CLOUD_ECS_METADATA": "genuine",
    "alibaba_cloud_security_token": "genuine",
    "ALIBABACLOUD_ACCESS_KEY_ID": "genuine",
    "ALICLOUD_ACCESS_KEY": "genuine",
    "ALICLOUD_SECURITY_TOKEN": "genuine",
    "ALICLOUD_ASSUME_ROLE_ARN": "genuine",
    "ALICLOUD_SHARED_CREDENTIALS_FILE": "genuine",
    "ALICLOUD_PROFILE": "genuine",
    "ALIYUN_ACCESS_KEY_ID": "genuine",
    "OSS_ACCESS_KEY_ID": "genuine",
    "OSS_SESSION_TOKEN": "genuine",
    "HTTPS_PROXY": "http://genuine:1",
    "all_proxy": "socks5://genuine:1",
    "NO_PROXY": "*,genuine",
    "no_proxy": "aliyuncs.com,genuine",
    "CLOUDHAND_CA": "genuine",
}


def test_nothing_of_the_real_service_is_left(destination: Destination, identity: Identity) -> None:
    with open_passage(destination, identity, environ=HOSTILE) as environment:
        assert [name for name, value in environment.items() if "genuine" in value] == []
        assert "alibaba_cloud_security_token" not in environment
        assert "genuine" not in environment["NO_PROXY"]
        assert environment["NO_PROXY"] == environment["no_proxy"]


def test_the_identity_is_there_under_every_name(
    destination: Destination, identity: Identity
) -> None:
    with open_passage(destination, identity, environ={"HOME": "/home/me"}) as environment:
        assert environment["HOME"] == "/home/me"
        spelled = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY", "CLOUDHAND_ACCESS_KEY_ID")
        for name in spelled:
            assert environment[name] == identity.access_key_id
        for name in ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALICLOUD_SECRET_KEY"):
            assert environment[name] == identity.access_key_secret
        assert environment["CLOUDHAND_ACCESS_KEY_SECRET"] == identity.access_key_secret
        for name in ("ALIBABA_CLOUD_REGION_ID", "ALICLOUD_REGION", "CLOUDHAND_REGION_ID"):
            assert environment[name] == "cn-hangzhou"
        assert environment["ALIBABA_CLOUD_IGNORE_PROFILE"] == "TRUE"
        assert environment["CLOUDHAND_ENDPOINT"] == f"http://127.0.0.1:{destination.port}"


def test_proxies_are_named_in_both_cases(destination: Destination, identity: Identity) -> None:
    with open_passage(destination, identity, environ={}) as environment:
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        (address,) = {environment[name] for name in names}
        assert address.startswith("http://cloudhand:")
        assert "@127.0.0.1:" in address


def test_what_the_caller_adds_wins(destination: Destination, identity: Identity) -> None:
    extra = {"CLOUDHAND_INSTANCE_IDS": "i-1,i-2", "ALIYUN_IMAGE_ID": "mine"}
    with open_passage(destination, identity, environ={}, extra=extra) as environment:
        assert environment["CLOUDHAND_INSTANCE_IDS"] == "i-1,i-2"
        assert environment["ALIYUN_IMAGE_ID"] == "mine"


@pytest.mark.parametrize("path, expected", [(None, ""), ("", ""), ("/a:/b", ":/a:/b")])
def test_the_hook_comes_before_the_inherited_path(
    destination: Destination, identity: Identity, path: str | None, expected: str
) -> None:
    environ = {} if path is None else {"PYTHONPATH": path}
    with open_passage(destination, identity, environ=environ) as environment:
        hook, separator, rest = environment["PYTHONPATH"].partition(":")
        assert (Path(hook) / "sitecustomize.py").is_file()
        assert separator + rest == expected


def test_the_bundle_holds_what_was_trusted_before_and_is_private(
    destination: Destination, identity: Identity, tmp_path: Path
) -> None:
    corporate, node = tmp_path / "corporate.pem", tmp_path / "node.pem"
    corporate.write_text("# corporate authority")
    node.write_text("# authority for node\n")
    environ = {
        "REQUESTS_CA_BUNDLE": str(corporate),
        "NODE_EXTRA_CA_CERTS": str(node),
        "CURL_CA_BUNDLE": str(tmp_path),
        "SSL_CERT_FILE": "/nowhere.pem",
    }
    with open_passage(destination, identity, environ=environ) as environment:
        (bundle,) = {Path(environment[name]) for name in TRUST_VARIABLES}
        content = bundle.read_text().splitlines()
        assert "# corporate authority" in content
        assert "# authority for node" in content
        assert content.count("-----BEGIN CERTIFICATE-----") >= 1
        assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
        assert stat.S_IMODE(bundle.parent.stat().st_mode) == 0o700
        assert not any(b"PRIVATE KEY" in file.read_bytes() for file in _files(bundle.parent))


def test_a_control_plane_with_its_own_authority_can_be_asked_directly(
    identity: Identity, tmp_path: Path
) -> None:
    with open_passage(Destination(host="::1", port=9), identity, environ={}) as environment:
        assert environment["CLOUDHAND_ENDPOINT"] == "http://[::1]:9"
        assert "CLOUDHAND_CA" not in environment


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
