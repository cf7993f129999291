"""What every part of a template is read with: its problems, and its expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cloudhand.core.errors import Problem
from cloudhand.orchestration import expression, linking
from cloudhand.orchestration.document import MOST, Document, Path, more, spelled
from cloudhand.orchestration.expression import Expression, Literal, Misshapen, as_condition
from cloudhand.orchestration.spelling import hint
from cloudhand.orchestration.values import shown


class Reading:
    """One document on its way to a template. What is wrong is kept, and reading goes on."""

    def __init__(self, found: Document) -> None:
        self._document = found
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, path: Path, text: str) -> None:
        if len(self.problems) == MOST:
            raise more(self.problems)
        line = self._document.line(path)
        self.problems.append(Problem(path=spelled(path), text=text, line=line))

    def warning(self, path: Path, text: str) -> None:
        line = self._document.line(path)
        self.warnings.append(Problem(path=spelled(path), text=text, line=line))

    def known(self, path: Path, data: Mapping[str, Any], keys: Iterable[str]) -> None:
        for key in data:
            if key not in keys:
                self.problem((*path, key), f"{key} is not known here{hint(key, keys)}")

    def as_map(self, value: Any, path: Path) -> dict[str, Any]:
        """A map; nothing is an empty one, and so is what is none and is told."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(path, f"it must be a map, not {shown(value)}")
            return {}
        return value

    def distinct(self, path: Path, names: Iterable[str]) -> None:
        """Tell of names that are one and the same to those who refer to them."""
        by_lower: dict[str, str] = {}
        for name in names:
            before = by_lower.setdefault(name.lower(), name)
            if before != name:
                self.problem((*path, name), f"it is declared twice, as {before}, too")

    def expression(self, value: Any, path: Path) -> Expression:
        try:
            parsed = expression.parse(value, path)
        except Misshapen as error:
            self.problem(error.path, str(error))
            return Literal(None)
        linking.check_functions(parsed, lambda text: self.problem(path, text))
        return parsed

    def condition(self, value: Any, path: Path) -> Expression:
        found = as_condition(self.expression(value, path))
        if isinstance(found, Literal) and not isinstance(found.value, bool | str):
            self.problem(path, f"{shown(value)} is no condition")
        return found
