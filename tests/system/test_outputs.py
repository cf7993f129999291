"""A long output of a real script, by the command line."""

from __future__ import annotations

from tests.system.place import Plane, ended

_LINES = 200_000  # of eight bytes
_SCRIPT = f"seq -f %07.0f 0 {_LINES - 1}"


def _whole() -> str:
    return "".join(f"{number:07}\n" for number in range(_LINES))


def test_a_long_output_is_shown_by_its_end_and_whole_where_it_is_asked_for(
    shared: Plane, instance: str
) -> None:
    state = ("--state", str(shared.state))
    child = ended(shared.place.start("run", "--on", instance, *state, "--", _SCRIPT))
    assert child.returncode == 0
    assert f"{_LINES - 1:07}" in child.stdout
    assert f"… {_LINES * 8 - 24 * 1024} bytes of output came before …" in child.stdout
    hint = next(line for line in child.stderr.splitlines() if "--whole" in line)
    words = hint.split("`")[1].split()[1:]
    whole = ended(shared.place.start(*words))
    assert (whole.returncode, whole.stdout) == (0, _whole())


def test_a_long_output_is_followed_while_it_comes(shared: Plane, instance: str) -> None:
    script = f"{_SCRIPT}; until [ -e /tmp/go-on ]; do sleep 0.05; done; echo the end"
    invoke_id = shared.ask([instance], script)
    words = ("result", invoke_id, "--whole", "--follow", "--state", str(shared.state))
    child = shared.place.start(*words)
    assert child.stdout is not None
    first = child.stdout.read(_LINES * 8)
    assert first == _whole()
    shared.run(instance, "touch /tmp/go-on")
    rest = ended(child)
    assert (rest.returncode, rest.stdout) == (0, "the end\n")
