"""What counts as what a page shows, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import page
from tests.documents.likeness import differences
from tests.documents.page import Command, File, Unclear


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("web-1 mi-ch... online", "web-1 mi-chk3q0online1 online"),
        ("upgraded: 0.1.0 → 0.1.1, online after 3 s", "upgraded: 2.0.0 → 2.1.0, online after 17 s"),
        ("web-1 boot 5f0c1c2e→b81d07aa", "web-1 boot 91aa03b7→0c7e55d1"),
        ("b done\na done", "a done\nb done\n"),
        ("...\nlast", "first\nsecond\nlast"),
        ("id\t\tname", "id   name"),
    ],
)
def test_what_differs_each_time_is_the_same(shown: str, said: str) -> None:
    assert differences(shown, said) == []


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("Success exit 194", "Success exit 193"),
        ("10000 items: 22 Success", "10000 items: 23 Success"),
        ("agent.toml, line 7", "agent.toml, line 8"),
        ("one\none", "one"),
        ("one", "one\ntwo"),
    ],
)
def test_all_else_is_not(shown: str, said: str) -> None:
    assert differences(shown, said) != []


def test_nothing_of_a_page_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        "```sh\na --b \\\n  c   # why\n# a remark\ncat > f <<'END'\nx\nEND\n```\n"
        "```console\n$ d\nsaid\n$ e\n```\n```text\nsaid of e\n```\n"
        "In `g.json`:\n\n```json\n{}\n```\n```yaml\n# h.yml\nA: 1\n```\n```bash\ni\n```\n"
    )
    assert page.steps(path) == [
        Command(typed="a --b \\\n  c   # why", line=2),
        Command(typed="cat > f <<'END'\nx\nEND", line=5),
        Command(typed="d", line=10, said="said"),
        Command(typed="e", line=12, said="said of e\n"),
        File(name="g.json", text="{}\n", line=19),
        File(name="h.yml", text="# h.yml\nA: 1\n", line=22),
        Unclear(line=26),
    ]
