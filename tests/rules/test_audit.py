"""The audit of what we depend on: it can fail, and it says so when it did not look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.rules.sources import ROOT

Answer = Callable[[str, str], tuple[int, object]]  # status and body for a name and a version


def _well(name: str, version: str) -> tuple[int, object]:
    return 200, {"info": {}, "vulnerabilities": []}


def _weak(name: str, version: str) -> tuple[int, object]:
    known = [
        {"id": "PYSEC-1", "fixed_in": ["99.1"], "withdrawn": None},
        {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2020-01-01T00:00:00Z"},
    ]
    return 200, {"vulnerabilities": known if name == "httpx" else []}


def _mirror(name: str, version: str) -> tuple[int, object]:
    return 200, {"info": {"name": name}}


def _half(name: str, version: str) -> tuple[int, object]:
    return _weak(name, version) if name != "websockets" else (503, {})


def _files_only(name: str, version: str) -> tuple[int, object]:
    return 404, "Not Found"


@contextmanager
def _database(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, _, name, version, _ = self.path.split("/")
            status, said = answer(name, version)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _audited(base: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "audit.py")],
        env={**os.environ, "CLOUDHAND_ADVISORIES": base, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_version_that_is_pinned_is_asked_for() -> None:
    asked = set()

    def answer(name: str, version: str) -> tuple[int, object]:
        asked.add(f"{name}=={version}")
        return _well(name, version)

    with _database(answer) as base:
        code, said, _ = _audited(base)
    lines = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    assert asked == {line.split(";")[0].strip() for line in lines if "==" in line}
    assert (code, said) == (0, f"{len(asked)} dependencies: no weakness is known\n")


def test_a_known_weakness_is_named_and_fails() -> None:
    with _database(_weak) as base:
        code, said, wrong = _audited(base)
    assert (code, said) == (1, "")
    assert wrong.startswith("httpx ")
    assert wrong.endswith(": PYSEC-1, fixed in 99.1\n")


def test_where_nobody_knows_one_line_says_that_nothing_was_looked_at() -> None:
    for answer in (_mirror, _half, _files_only):
        with _database(answer) as base:
            code, said, wrong = _audited(base)
        assert (code, said) == (0, "")
        assert wrong.startswith("NOT AUDITED: ")
        assert wrong.count("\n") == 1
    code, _, wrong = _audited("http://127.0.0.1:1")
    assert (code, wrong.startswith("NOT AUDITED: ")) == (0, True)
