"""What property tests are made of, and what templates are read with."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import strategies as st

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.evaluation import Evaluator, Scope
from cloudhand.orchestration.expression import parse
from cloudhand.orchestration.model import Template
from cloudhand.programs.pool import Pool

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
# Whatever JSON holds.
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)

LIBRARY = Library({"ecs": frozenset({"describeinstances", "runcommand", "deleteinstance"})})


def template(text: str) -> Template:
    """A template of which only the parts that matter are written."""
    head = "" if "FormatVersion" in text else "FormatVersion: OOS-2019-06-01\n"
    tasks = "" if "Tasks:" in text else "Tasks: [{Name: only, Action: 'ACS::Pause'}]\n"
    return LIBRARY.parse(f"{head}{text}\n{tasks}")


def problems(text: str) -> list[str]:
    try:
        template(text)
    except TemplateInvalid as refused:
        return [str(problem) for problem in refused.problems]
    return []


def evaluated(value: Any, **scope: Any) -> Any:
    """What a value of a template is worth; without programs, which are started where needed."""
    return asyncio.run(Evaluator(Scope(**scope), Pool()).value(parse(value)))
