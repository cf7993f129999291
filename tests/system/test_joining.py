"""What a machine is told to join by, and what lies between it and its control plane."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cloudhand.agent_dist.build import ensure
from cloudhand.server.tls import tls_files
from cloudhand.wire.release import Manifest, read_key
from tests.agent.proxies import Proxy
from tests.system.place import Place, Plane, ended
from tests.system.waiting import until

pytestmark = pytest.mark.drawn

_NAME = "control.test"


@pytest.fixture
def secure(alone: Place) -> Iterator[Plane]:
    """A control plane that speaks https, and is also called by another name."""
    plane = Plane(alone, "--tls", "--name", _NAME)
    try:
        plane.start()
        yield plane
    finally:
        plane.end()


def invited(plane: Plane, *words: str) -> list[str]:
    """The words of the line that is to be pasted."""
    told = plane.place.run("invite", *words, "--state", str(plane.state))
    assert told.returncode == 0, told.stderr
    return shlex.split(told.stdout)


def fetched(plane: Plane, path: str, host: str = "") -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(plane.state / "tls" / "ca.pem"))
    headers = {"Host": host} if host else {}
    request = urllib.request.Request(plane.client.endpoint.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_line_pins_the_key_and_carries_an_activation(secure: Plane) -> None:
    words = invited(
        secure,
        *("--count", "3", "--hours", "2", "--name", "rack", "--tag", "room=3"),
        *("--from", "10.0.0.0/8"),
    )
    port = urlsplit(secure.client.endpoint.url).port
    certificate = x509.load_pem_x509_certificate((secure.state / "tls/server.pem").read_bytes())
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    pin = "sha256//" + base64.b64encode(hashlib.sha256(key).digest()).decode()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (made,) = secure.call("DescribeActivations")["ActivationList"]

    assert words[:2] == ["curl", "-fsS"] and words[-3:] == ["|", "sudo", "sh"]
    assert words[2:5] == ["--insecure", "--pinnedpubkey", pin]
    address = urlsplit(words[5])
    assert (address.scheme, address.hostname, address.port) == ("https", _NAME, port)
    assert parse_qs(address.query)["activation"] == [made["ActivationId"]]
    assert _NAME in names.get_values_for_type(x509.DNSName)
    told = {name: made[name] for name in ("InstanceCount", "TimeToLiveInHours", "InstanceName")}
    assert told == {"InstanceCount": 3, "TimeToLiveInHours": 2, "InstanceName": "rack"}
    assert made["IpAddressRange"] == "10.0.0.0/8"
    assert made["Tags"] == [{"TagKey": "room", "TagValue": "3"}]


def test_what_is_piped_into_the_shell_is_whole(secure: Plane) -> None:
    address = next(one for one in invited(secure) if one.startswith("https:"))
    status, text = fetched(secure, f"/install.sh?{urlsplit(address).query}", "control.test:8650")
    checked = subprocess.run(["sh", "-n"], input=text, text=True, check=False)
    (agent,) = re.findall(r"base64 -d <<'END'\n(.*?)\nEND", text, re.DOTALL)
    (authority,) = re.findall(r"cat <<'END'\n(-----BEGIN .*?)\nEND", text, re.DOTALL)

    assert (status, checked.returncode) == (200, 0)
    assert base64.b64decode(agent) == ensure().read_bytes()
    (manifest,) = re.findall(r"cat <<'END'\n(\{.*?\})\nEND", text)
    (key,) = re.findall(r"tr -d '\\n' <<'END'\n(.*?)\nEND", text, re.DOTALL)
    digest = hashlib.sha256(base64.b64decode(agent)).hexdigest()
    assert Manifest.from_text(manifest).digest == digest
    assert read_key(key.replace("\n", ""))
    assert authority == (secure.state / "tls/ca.pem").read_text().strip()
    assert "\nSERVER='https://control.test:8650'\n" in text
    assert re.findall("@[A-Z_]+@", text) == []


@pytest.mark.parametrize(
    "query, host",
    [
        ("", ""),
        ("?activation=x&code=a-b", ""),
        ("?activation=00000000-0000-0000-0000-000000000000&code=a%27%3Bid", ""),
        ("?activation=00000000-0000-0000-0000-00000000000%27&code=a-b", ""),
        ("?activation=00000000-0000-0000-0000-000000000000&code=a-b", "h';id;'"),
        ("?activation=00000000-0000-0000-0000-000000000000&code=a-b%0A", ""),
    ],
)
def test_what_is_no_invitation_is_no_script(secure: Plane, query: str, host: str) -> None:
    status, text = fetched(secure, f"/install.sh{query}", host)
    assert status == 400
    assert text == (
        "the address is not that of `cloudhand invite`: activation and code are missing\n"
    )


def test_who_listens_for_this_machine_alone_invites_nobody(own: Plane) -> None:
    own.start()
    refused = own.place.run("invite", "--state", str(own.state))
    words = invited(own, "--at", "http://control.test:1")
    bad = own.place.run("invite", "--at", "control.test", "--state", str(own.state))

    assert refused.returncode == 2
    assert "where other machines do not reach it: start it with `cloudhand serve" in refused.stderr
    assert words[:2] == ["curl", "-fsS"] and words[2].startswith("http://control.test:1/install")
    assert (bad.returncode, "write http://HOST:PORT" in bad.stderr) == (2, True)
    assert own.call("DescribeActivations")["TotalCount"] == 1


def doctor(place: Place, *words: str) -> tuple[int, dict[str, str]]:
    """What is said of each thing that is looked at."""
    told = place.run("agent", "doctor", *words)
    assert told.stderr == ""
    lines = [line.split(None, 1) for line in told.stdout.splitlines()]
    return told.returncode, {rest[:11].strip(): f"{word} {rest[12:]}" for word, rest in lines}


def test_all_is_looked_at_before_and_after_a_machine_has_joined(secure: Plane) -> None:
    place, url = secure.place, secure.client.endpoint.url
    server = ("--server", url, "--ca", str(secure.state / "tls/ca.pem"))
    state = ("--state", str(place.root / "agent"))
    code, before = doctor(place, *server, *state)
    assert code == 0, before
    assert list(before) == ["disk", "name lookup", "connection", "certificate", "clock", "channel"]
    assert all(one.startswith("ok") for one in before.values())

    made = secure.call("CreateActivation")
    invitation = ("--activation-id", made["ActivationId"], "--activation-code")
    place.run("agent", "register", *server, *state, *invitation, made["ActivationCode"])
    offline = place.run("agent", "status", *state)
    assert (offline.returncode, offline.stdout.endswith(" offline\n")) == (1, True)
    code, told = doctor(place, *state)
    assert (code, "is offline; start its agent" in told["identity"]) == (1, True)

    running = place.start("agent", "run", *state)
    until(lambda: place.run("agent", "status", *state).returncode == 0, what="its being online")
    code, told = doctor(place, *state)
    running.terminate()
    ended(running)
    assert (code, told["identity"].endswith("is online")) == (0, True)


def test_what_stands_between_is_named(secure: Plane, tmp_path: Path) -> None:
    place, url = secure.place, secure.client.endpoint.url
    port = urlsplit(url).port
    ca = ("--ca", str(secure.state / "tls/ca.pem"))
    (tmp_path / "other").mkdir()
    other = str(tls_files(tmp_path / "other", "127.0.0.1").authority)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    with Proxy(upgrades=False) as proxy, Proxy(secret="a:b") as strict:
        for words, what, says in (
            (("--server", "https://nobody.invalid:1", *ca), "name lookup", "nobody.invalid: "),
            (("--server", f"https://127.0.0.1:{nobody}", *ca), "connection", "nobody listens"),
            (("--server", f"https://127.0.0.2:{port}", *ca), "connection", "nobody listens"),
            (("--server", url, "--ca", other), "certificate", "not signed by the authority"),
            (("--server", url, *ca, "--proxy", strict.url), "connection", "answered 407"),
            (("--server", url, *ca, "--state", "/proc/none"), "disk", "MiB free in /proc"),
        ):
            code, told = doctor(place, *words)
            assert (code, list(told)[-1]) == (1, what), told
            assert told[what].startswith("FAIL ") and says in told[what]
        code, told = doctor(place, "--server", url, *ca, "--proxy", proxy.url)
        assert code == 0, told  # what is in TLS nobody can look into
    unregistered = place.run("agent", "doctor", "--state", str(tmp_path / "none"))
    assert (unregistered.returncode, "--server" in unregistered.stderr) == (1, True)


def test_a_code_may_come_where_no_list_of_processes_shows_it(own: Plane) -> None:
    own.start()
    made = own.call("CreateActivation")
    words = ("--server", own.client.endpoint.url, "--activation-id", made["ActivationId"])
    state = ("--state", str(own.place.root / "agent"))
    for code, expected in (("wrong", 1), (made["ActivationCode"], 0)):
        child = own.place.start(
            *("agent", "register", *words, *state, "--activation-code", "-"),
            stdin=subprocess.PIPE,
        )
        out, err = child.communicate(f"{code}\n", timeout=60)
        assert (child.returncode, "registered as mi-" in out) == (expected, not expected), err
    assert own.call("DescribeManagedInstances")["TotalCount"] == 1


def test_a_websocket_that_does_not_come_through_is_named(own: Plane) -> None:
    own.start()
    with Proxy(upgrades=False) as proxy:
        code, told = doctor(own.place, "--server", own.client.endpoint.url, "--proxy", proxy.url)
    assert (code, list(told)[-1]) == (1, "channel")
    assert "does not come through (answered with 426)" in told["channel"]
    assert f"the proxy {proxy.name}, which connects, " in told["channel"]
