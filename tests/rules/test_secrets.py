"""What is secret is compared in a time that does not tell how much of it was right."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.rules.sources import below, ours

# What such a value is called, or a function that makes one.
_SECRET = re.compile(
    r"(?:^|_)(?:signature|mac|hmac|token|secret|password|token_hash|code_hash|token_digest|hashed"
    r"|activation_code|authorization)$"
)
_THE_SAME = ("encode", "decode", "hex", "lower", "strip")  # in another form
_EQUAL = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
# An agent's two sides have one owner; a secret is looked for in text to hide it.
_ELSEWHERE = ("cloudhand.agent.", "cloudhand.cli.", "cloudhand.orchestration.")


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _THE_SAME:
            yield from _names(value)
        case ast.Call(func=func):
            yield from _names(func)
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            yield key.lower()
            yield from _names(value)
        case ast.Subscript(value=value):
            yield from _names(value)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element in elements:
                yield from _names(element)


def _careless(tree: ast.AST) -> list[ast.Compare]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, _EQUAL) for op in node.ops)
        # Whether there is one at all is no comparison with it.
        and not any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
        and any(
            _SECRET.search(name) for side in (node.left, *node.comparators) for name in _names(side)
        )
    ]


def test_no_secret_is_compared_byte_by_byte() -> None:
    found = [
        f"{source.at(node)} compares {ast.unparse(node)}"
        for source in ours()
        if not source.module.startswith(_ELSEWHERE)
        for node in _careless(source.tree)
    ]
    assert found == []


def test_a_careless_comparison_is_found() -> None:
    for text in (
        "given == expected_signature",
        "headers['Authorization'] != wanted",
        "hashed(code) == activation.code_hash",
        "token in tokens",
        "mac.hex() == given",
        "(key.id, key.secret) == (name, given)",
    ):
        assert len(_careless(ast.parse(text))) == 1, text
    for text in ("compare_digest(token, given)", "token == ''", "'signature' in headers"):
        assert _careless(ast.parse(text)) == [], text


def test_where_secrets_come_in_they_are_compared_well() -> None:
    """Both doors, joining, terminals, other tools' locks, and the proxy of `exec`."""
    careful = {
        source.module
        for source in below("src/cloudhand")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, (ast.Name, ast.Attribute))
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr)
        == "compare_digest"
    }
    assert careful == {
        "cloudhand.api.authenticate",
        "cloudhand.gateway.doorkeeper",
        "cloudhand.control.agents",
        "cloudhand.control.governor",
        "cloudhand.control.sessions",
        "cloudhand.passage.connection",
    }
