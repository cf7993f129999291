"""Our own source files, read and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"


@dataclass(frozen=True, kw_only=True)
class Source:
    path: Path  # from the root of the repository
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """How it is imported."""
        parts = list(self.path.with_suffix("").parts)
        parts = parts[1:] if parts[0] == "src" else parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
        return f"{self.path}:{node.lineno}"


def below(*folders: str) -> tuple[Source, ...]:
    """All Python files below folders of the repository."""
    return tuple(source for folder in folders for source in _below(folder))


@cache
def _below(folder: str) -> tuple[Source, ...]:
    return tuple(_source(path) for path in sorted((ROOT / folder).rglob("*.py")))


@cache
def _source(path: Path) -> Source:
    text = path.read_text()
    return Source(path=path.relative_to(ROOT), text=text, tree=ast.parse(text, str(path)))


def ours() -> tuple[Source, ...]:
    return below("src/cloudhand")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def lines(source: Source, first: int, last: int) -> int:
    """Lines that are not blank, from ``first`` to ``last``, both included."""
    return sum(1 for line in source.text.splitlines()[first - 1 : last] if line.strip())
