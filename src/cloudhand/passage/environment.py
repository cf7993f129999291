"""The variables of the child: what it inherits, less what leads to the real service, plus ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The namespaces of the real service's tools. Whatever lies there is its keys, tokens, profiles,
# role names, credential addresses or endpoints, under names that nobody can list for good.
_CLEARED_PREFIXES = (
    "ALIBABA_CLOUD_",
    "ALIBABACLOUD_",
    "ALICLOUD_",
    "ALIYUN_",
    "OSS_ACCESS_KEY_",
    "OSS_SESSION_",
)
_CLEARED = frozenset(
    {
        *("NO_PROXY", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "WS_PROXY", "WSS_PROXY"),
        "CLOUDHAND_CA",
    }
)

# One file of trusted authorities for each way in which clients ask for it.
TRUST_VARIABLES = (
    "ALIBABA_CLOUD_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
HOOK_BUNDLE = "CLOUDHAND_CA_BUNDLE"  # where the start-up hook reads it

# Only what cannot be a name of the real service goes around the proxy.
_DIRECT = "localhost,127.0.0.1,::1"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the child is to the control plane."""

    access_key_id: str
    access_key_secret: str
    region_id: str


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What one passage adds to the machine, as the child finds it."""

    proxy: str  # address of the proxy, with its password
    bundle: Path  # trusted authorities
    hook: Path  # directory of the start-up hook
    endpoint: str  # of the control plane
    control_plane_ca: Path | None = None  # whom the endpoint's certificate is from


def child_environment(
    environ: Mapping[str, str], identity: Identity, ways: Ways, extra: Mapping[str, str]
) -> dict[str, str]:
    """The complete environment; ``extra`` wins over everything."""
    kept = {name: value for name, value in environ.items() if not _cleared(name)}
    path = environ.get("PYTHONPATH")
    return {
        **kept,
        **_who(identity),
        **_proxies(ways.proxy),
        **{name: str(ways.bundle) for name in (*TRUST_VARIABLES, HOOK_BUNDLE)},
        # An empty entry would mean the working directory.
        "PYTHONPATH": f"{ways.hook}:{path}" if path else str(ways.hook),
        "CLOUDHAND_ENDPOINT": ways.endpoint,
        **({"CLOUDHAND_CA": str(ways.control_plane_ca)} if ways.control_plane_ca else {}),
        **extra,
    }


def _cleared(name: str) -> bool:
    upper = name.upper()
    return upper in _CLEARED or upper.startswith(_CLEARED_PREFIXES)


def _who(identity: Identity) -> dict[str, str]:
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": identity.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": identity.access_key_secret,
        "ALIBABA_CLOUD_REGION_ID": identity.region_id,
        "ALICLOUD_ACCESS_KEY": identity.access_key_id,
        "ALICLOUD_SECRET_KEY": identity.access_key_secret,
        "ALICLOUD_REGION": identity.region_id,
        # For `cloudhand` itself, with the address below.
        "CLOUDHAND_ACCESS_KEY_ID": identity.access_key_id,
        "CLOUDHAND_ACCESS_KEY_SECRET": identity.access_key_secret,
        "CLOUDHAND_REGION_ID": identity.region_id,
        # Profiles in the home directory name real accounts.
        "ALIBABA_CLOUD_IGNORE_PROFILE": "TRUE",
        "ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true",
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
    }


def _proxies(address: str) -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "all_proxy")
    both = [spelled for name in names for spelled in (name, name.upper())]
    return {
        **dict.fromkeys(both, address),
        "no_proxy": _DIRECT,
        "NO_PROXY": _DIRECT,
        # Newer Node.js asks for the variables above only when it is told to.
        "NODE_USE_ENV_PROXY": "1",
    }
