"""A text as a template, with its selectors tried as well, which parsing alone leaves alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cloudhand.core.errors import Problem, TemplateInvalid
from cloudhand.orchestration import document
from cloudhand.orchestration.document import MOST, Path, more, spelled
from cloudhand.orchestration.expression import Literal
from cloudhand.orchestration.model import Catalogue, Template
from cloudhand.orchestration.programs import ProgramError, Programs
from cloudhand.orchestration.selectors import program
from cloudhand.orchestration.template import parse

_SELECTOR = "PropertySelector"


async def checked(text: str, catalogue: Catalogue, programs: Programs) -> Template:
    """TemplateInvalid, with all that is wrong."""
    template = parse(text, catalogue)
    wrong: list[tuple[Path, str]] = []
    for path, selector in _selectors(template):
        try:
            await programs.compiles(program(selector))
        except ProgramError as error:
            wrong.append((path, str(error)))
        if len(wrong) > MOST:
            break
    if wrong:
        raise _invalid(text, wrong)
    return template


def _invalid(text: str, wrong: Sequence[tuple[Path, str]]) -> TemplateInvalid:
    lines = document.read(text)
    problems = [
        Problem(path=spelled(path), text=told, line=lines.line(path)) for path, told in wrong[:MOST]
    ]
    return more(problems) if len(wrong) > MOST else TemplateInvalid(problems)


def _selectors(template: Template) -> Iterator[tuple[Path, str]]:
    """Those that are known before they are used."""
    for task in template.tasks:
        path: Path = ("Tasks", task.index)
        wanted = task.properties.get(_SELECTOR)
        if isinstance(wanted, Literal):
            yield (*path, "Properties", _SELECTOR), str(wanted.value)
        for output in task.outputs:
            if isinstance(output.selector, Literal):
                yield (*path, "Outputs", output.name, "ValueSelector"), str(output.selector.value)
