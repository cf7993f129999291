"""What nothing uses is not there: modules, functions, classes, methods, constants."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator

from cloudhand.cli.main import COMMANDS
from tests.rules.sources import ROOT, Source, below, ours

# Read as a file, for the interpreters of others.
_HANDED_OUT = frozenset({"cloudhand.passage.start_up_hook"})

# By whom, if not by us.
_USED_BY_OTHERS = {
    "cloudhand.passage.start_up_hook.find_module": "interpreters before 3.12",
    "cloudhand.pytest.pytest_addoption": "pytest",
    "cloudhand.pytest.pytest_configure": "pytest",
    "cloudhand.server.outward.on_body": "httptools",
    "cloudhand.server.outward.on_header": "httptools",
    "cloudhand.wire.signature.v1_signature": "clients; we only verify, with what libcrypto does",
}


def _imports(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)


def _entry_points() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points = [*project["scripts"].values()]
    points += [point for group in project["entry-points"].values() for point in group.values()]
    return {point.partition(":")[0] for point in points}


def _named(source: Source) -> Iterator[str]:
    """Modules that are started as processes."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=str(text)) if text.startswith("cloudhand."):
                yield text


def test_each_module_is_imported_or_started() -> None:
    known = {name for source in below("src", "scripts") for name in _imported_by_another(source)}
    known |= {name for source in ours() for name in _named(source) if name != source.module}
    known |= _entry_points() | {f"cloudhand.cli.{name}" for name in COMMANDS.values()} | _HANDED_OUT
    idle = [
        source.module
        for source in ours()
        if source.path.name != "__init__.py" and source.module not in known
    ]
    assert idle == []


def _imported_by_another(source: Source) -> Iterator[str]:
    return (name for name in _imports(source) if name != source.module)


def _declared(source: Source) -> Iterator[str]:
    """Names that a module offers: of itself, and of its classes."""
    foreign = _foreign(source)
    for node in source.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=body, bases=bases):
                yield name
                # A library may call what replaces a method of its own.
                if not any(_root(base) in foreign for base in bases):
                    yield from _members(body)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.startswith("__"):
                    yield name


def _foreign(source: Source) -> set[str]:
    """Names that come from libraries, apart from those whose classes call nothing."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in source.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if not f"{getattr(node, 'module', '') or alias.name}.".startswith("cloudhand.")
    } - {"Protocol", "Generic", "StrEnum", "Enum", "NamedTuple"}


def _root(base: ast.expr) -> str:
    return ast.unparse(base).partition(".")[0].partition("[")[0]


def _members(body: list[ast.stmt]) -> Iterator[str]:
    for member in body:
        match member:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("__"):
                    yield name


def _used(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                yield name
            case ast.alias(name=name):
                yield name.rpartition(".")[2]
            case ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)) if len(text) < 80:
                # Names that are looked up: getattr, patterns of settings, format texts.
                yield from text.replace(":", ".").split(".")


def test_each_name_is_used() -> None:
    """By the product itself: what only tests use is a part of the tests."""
    used = Counter(name for source in below("src", "scripts") for name in _used(source))
    used.update(name.rpartition(" ")[2] for name in COMMANDS)  # functions of the command line
    idle = {
        f"{source.module}.{name}"
        for source in ours()
        for name in _declared(source)
        if not used[name] and not _decorated(source, name)
    }
    assert idle == set(_USED_BY_OTHERS)


def _decorated(source: Source, name: str) -> bool:
    """Whoever decorates it has it."""
    return any(
        getattr(node, "name", "") == name and getattr(node, "decorator_list", [])
        for node in ast.walk(source.tree)
    )
