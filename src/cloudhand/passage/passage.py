"""Open a passage: the proxy, the trusted bundle and the start-up hook, for as long as a block."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from cloudhand.passage.authority import Authority
from cloudhand.passage.environment import TRUST_VARIABLES, Identity, Ways, child_environment
from cloudhand.passage.proxy import open_proxy
from cloudhand.passage.reach import Destination
from cloudhand.passage.upstream import inherited

# Where distributions keep the authorities that they trust.
_SYSTEM_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@contextmanager
def open_passage(
    destination: Destination,
    identity: Identity,
    *,
    environ: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
    within: Path | None = None,
) -> Iterator[dict[str, str]]:
    """Yield the complete environment for a child; nothing of it works, or lies, afterwards.

    Its files lie ``within`` a directory whose owner removes it even if we are killed, or else
    among the temporary ones.
    """
    authority = Authority()
    with (
        _folder(authority, destination, environ, within) as folder,
        open_proxy(destination, authority, inherited(environ)) as proxy,
    ):
        ways = Ways(
            proxy=proxy,
            bundle=folder / "trusted.pem",
            hook=folder / "hook",
            endpoint=destination.url,
            control_plane_ca=folder / "control-plane.pem" if destination.ca_pem else None,
        )
        yield child_environment(environ, identity, ways, extra or {})


@contextmanager
def _folder(
    authority: Authority, destination: Destination, environ: Mapping[str, str], within: Path | None
) -> Iterator[Path]:
    # For nobody else to read.
    folder = Path(tempfile.mkdtemp(prefix="cloudhand-passage-", dir=within))
    try:
        _write(folder / "trusted.pem", _roots(environ) + authority.pem)
        if destination.ca_pem:
            _write(folder / "control-plane.pem", destination.ca_pem)
        (folder / "hook").mkdir(mode=0o700)
        source = resources.files("cloudhand.passage").joinpath("start_up_hook.py")
        _write(folder / "hook" / "sitecustomize.py", source.read_bytes())
        yield folder
    finally:
        # A program that was left running may still write what it compiles.
        shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)


def _roots(environ: Mapping[str, str]) -> bytes:
    """The authorities that the child would have trusted without us, each file once."""
    named = [environ.get(name) for name in TRUST_VARIABLES]
    system = next((path for path in _candidates() if path and os.path.isfile(path)), None)
    files = {os.path.realpath(path) for path in (*named, system) if path}
    contents = dict.fromkeys(_certificates(Path(path)) for path in sorted(files))
    return b"".join(contents)


def _candidates() -> Iterator[str | None]:
    yield ssl.get_default_verify_paths().openssl_cafile
    yield from _SYSTEM_ROOTS
    # A container without the system's authorities may have Python's.
    spec = find_spec("certifi")
    yield str(Path(spec.origin).with_name("cacert.pem")) if spec and spec.origin else None


def _certificates(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        return b""  # a directory, or a variable that leads nowhere
    return content if content.endswith(b"\n") else content + b"\n"
