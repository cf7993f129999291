"""The control plane as a service, on a machine with its own systemd."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.guest import Guest, missing, started
from tests.rules.sources import ROOT
from tests.system.waiting import until

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
    pytest.mark.timeout(1800),
]

_INSTALL = f"{sys.executable} -m cloudhand.cli.main server install"
_MAIN_PID = "systemctl show -p MainPID cloudhand"
_READY = "curl -fs http://127.0.0.1:8650/readyz"


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    """With this Python, and with Cloudhand in it."""
    # A guest has a /usr of its own, and in it perhaps the same Python.
    binds = [ROOT] if sys.base_prefix == "/usr" else [ROOT, Path(sys.base_prefix)]
    with started(tmp_path / "guest", tmp_path / "guest.log", binds=binds) as one:
        if one.run(f"{sys.executable} -c ''").returncode != 0:
            pytest.skip(f"the Debian of a guest has no {sys.executable}")
        yield one


def test_it_runs_from_now_on_and_after_every_start_until_it_is_removed(guest: Guest) -> None:
    options = "-- --listen 127.0.0.1:8650 --plain-processes"
    told = guest.run(f"{_INSTALL} {options}")
    assert told.returncode == 0, told.stderr
    assert told.stdout == (
        "ready at http://127.0.0.1:8650; cloudhand instances --state /var/lib/cloudhand\n"
    )
    first = guest.run(_MAIN_PID).stdout
    assert guest.run(f"{_INSTALL} {options}").returncode == 0
    assert guest.run(_MAIN_PID).stdout == first
    assert guest.run(f"{_INSTALL} {options} --region 'us-east-1'").returncode == 0
    assert guest.run(_MAIN_PID).stdout != first
    guest.run("systemctl kill --signal=KILL cloudhand")
    until(lambda: guest.run(_READY).stdout == "ready\n", what="its coming back", at_most=60)

    restarting = threading.Thread(target=guest.wait_for_restart)
    restarting.start()
    guest.run("systemctl reboot")
    restarting.join()
    until(lambda: guest.run(_READY).stdout == "ready\n", what="its start with it", at_most=60)

    told = guest.run(f"{_INSTALL} --uninstall")
    assert told.returncode == 0, told.stderr
    assert guest.run(_READY).returncode != 0
    assert guest.run("systemctl cat cloudhand").returncode != 0
    assert guest.run("test -e /var/lib/cloudhand/cloudhand.sqlite").returncode == 0
    assert guest.run(f"{_INSTALL} --uninstall").returncode == 0


def test_what_does_not_become_ready_is_told(guest: Guest) -> None:
    for words, says in (
        ("-- --listen 300.0.0.1:1", "journalctl -u cloudhand.service"),
        ("-- --state /tmp/x", "say --state before --"),
    ):
        told = guest.run(f"{_INSTALL} {words}")
        assert told.returncode != 0
        assert says in told.stderr
