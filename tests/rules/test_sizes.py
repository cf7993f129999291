"""What is small can be read. The aims are lower; these are the limits."""

from __future__ import annotations

import ast

from tests.rules.sources import below, functions, lines, ours

_FUNCTION_LINES = 60
_MODULE_LINES = 400


def test_functions_are_short() -> None:
    """Their bodies, that is: what a command of the command line declares is its help."""
    long = [
        f"{source.at(function)} {function.name}"
        for source in below("src", "tests", "scripts")
        for function in functions(source.tree)
        if lines(source, function.body[0].lineno, function.end_lineno or 0) > _FUNCTION_LINES
    ]
    assert long == []


def test_modules_are_short() -> None:
    long = [
        str(source.path)
        for source in below("src", "scripts")
        if lines(source, 1, len(source.text.splitlines())) > _MODULE_LINES
    ]
    assert long == []


def test_modules_say_what_they_are_for() -> None:
    silent = [
        str(source.path)
        for source in ours()
        if source.text.strip() and not ast.get_docstring(source.tree)
    ]
    assert silent == []
