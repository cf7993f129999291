"""What the system's own ssh is started with, and what it carries: the words of one conversation.

A shell over there, which is root's, first says as which machine it has joined; then it is told to
install, or nothing more. All that is secret goes through its standard input.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from cloudhand.cli.adopt.hosts import Host

CONNECT_BOUND = 10  # seconds

# First, so that nothing that a configuration says comes before it.
_OURS = (
    "BatchMode=yes",  # nobody is there to be asked
    "ControlMaster=no",  # one that exists is used; a new one would outlive us
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "LogLevel=ERROR",  # no banners
    "ServerAliveInterval=15",
)
_MARK = "cloudhand-adopt:"
_JOINED = re.compile(rf"{_MARK} joined ?(?P<id>\S*)")
_ENDED = re.compile(rf"{_MARK} ended (?P<code>\d+)")
_ONLINE = re.compile(r"(?P<id>mi-\S+) online")
_REGISTERED = re.compile(r"registered as (?P<id>mi-\S+)")
_PUBLISHED = re.compile(r"This machine has (?P<which>the published agent \S+), .*")

ASK = """\
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
echo "cloudhand-adopt: joined" $(
if [ -e /usr/local/lib/cloudhand-agent/published ]; then
cat /usr/local/share/aliyun-assist/hybrid/instance-id
else
sed -n 's/.*"instance_id": "\\([^"]*\\)".*/\\1/p' /var/lib/cloudhand-agent/identity.json
fi 2>/dev/null)
"""
# Whatever becomes of the connection, what was begun is brought to its end, so that no machine is
# left half-joined; so what it says may always be written.
_INSTALL = """\
installer() {{
{script}
}}
trap '' HUP
{{
(installer {words})
echo "cloudhand-adopt: ended $?"
}} </dev/null 2>&1 | {{ cat || cat >/dev/null; }}
exit
"""


def words(host: Host, config: Path | None) -> list[str]:
    """ssh with its options, and where to."""
    found = ["ssh", *(["-F", str(config)] if config else [])]
    if host.port is not None:
        found += ["-p", str(host.port)]
    if host.user:
        found += ["-l", host.user]
    if host.key:
        found += ["-i", host.key]
    return [*found, *host.options, "--", host.address]


def command(host: Host, config: Path | None) -> list[str]:
    """The same, without questions, and with a shell of root's at the other end."""
    program, *rest = words(host, config)
    ours = [word for option in _OURS for word in ("-o", option)]
    place = rest.index("--")
    bound = ["-o", f"ConnectTimeout={CONNECT_BOUND}"]  # one's own comes first
    return [program, "-T", *ours, *rest[:place], *bound, *rest[place:], _shell(host.become)]


def _shell(become: str) -> str:
    """For whatever shell one has there."""
    quoted = shlex.quote(become)
    missing = f"has no {quoted}" if become else "ansible_become says to leave it so"
    refuse = f"""echo "cloudhand: $(id -un) is not root there, and {missing}" >&2; exit 1"""
    other = f"command -v {quoted} >/dev/null && exec {quoted} -n sh; {refuse}"
    script = f'export LC_ALL=C; if [ "$(id -u)" = 0 ]; then exec sh; fi; {other}'
    return f"exec sh -c {shlex.quote(script)}"


def install(script: str, host: Host, labels: dict[str, str], proxy: str) -> str:
    """``script``: of /install.sh."""
    given = ["--name", host.name]
    for key, value in labels.items():
        given += ["--tag", f"{key}={value}"]
    given += ["--proxy", proxy] if proxy else []
    return _INSTALL.format(script=script, words=shlex.join(given))


def joined(line: str) -> str | None:
    """The id of which the machine says that it is its own; empty if it has none; None: else."""
    found = _JOINED.fullmatch(line)
    return found["id"] if found else None


def ended(lines: Sequence[str]) -> bool:
    """Whether the installer has come to its end, and told so."""
    return any(_ENDED.fullmatch(line) for line in lines)


def online(lines: Sequence[str]) -> str:
    """The id of the machine, if the installer ended well; else empty."""
    good = any((found := _ENDED.fullmatch(line)) and found["code"] == "0" for line in lines)
    ids = [found["id"] for line in lines if (found := _ONLINE.fullmatch(line))]
    return ids[-1] if good and ids else ""


def registered(lines: Sequence[str]) -> str:
    """The id of the machine, if it has joined; else empty."""
    found = (_REGISTERED.fullmatch(line) for line in lines)
    return next((one["id"] for one in found if one), "")


def published(lines: Sequence[str]) -> str:
    """Which agent it was given in place of ours; else empty."""
    found = (_PUBLISHED.fullmatch(line) for line in lines)
    return next((one["which"] for one in found if one), "")
