"""Which test gives which parameter of an operation, for the table of coverage.

A pytest plugin (`-p tests.shown`), which `make coverage` has write into the directory that
CLOUDHAND_SHOWN names. Nothing is changed for the tests.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from cloudhand.api import answer, inside
from cloudhand.api.operation import Call, Operation

# What is given by chance shows nothing.
_BY_CHANCE = ("test_no_parameters_make_an_internal_error", "test_no_request_is_an_internal_error")

# Tests by product, operation and parameter; an empty one is that of a call at all.
_shown: dict[tuple[str, str, str], set[str]] = defaultdict(set)


def _noting(handled: Any) -> Any:
    @wraps(handled)
    async def noted(operation: Operation, call: Call) -> Any:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0].partition("[")[0]
        if test.endswith(_BY_CHANCE):
            return await handled(operation, call)
        product = operation.product.name.lower()
        for name in ("", *call.flat):
            _shown[product, operation.name, name.partition(".")[0]].add(test)
        return await handled(operation, call)

    return noted


def pytest_configure(config: pytest.Config) -> None:
    noting = _noting(answer.handled)
    for module in (answer, inside):
        vars(module)["handled"] = noting


def pytest_sessionfinish(session: pytest.Session) -> None:
    found = [[*key, sorted(tests)] for key, tests in sorted(_shown.items())]
    if found:
        path = Path(os.environ["CLOUDHAND_SHOWN"]) / f"{os.getpid()}.json"
        path.write_text(json.dumps(found))
