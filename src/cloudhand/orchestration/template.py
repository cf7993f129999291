"""The text of a template to a template, with all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cloudhand.core.errors import TemplateInvalid
from cloudhand.orchestration import document, expression, linking, parameters
from cloudhand.orchestration.document import Document, Path
from cloudhand.orchestration.expression import Expression
from cloudhand.orchestration.model import Catalogue, ResultSpec, Template
from cloudhand.orchestration.reading import Reading
from cloudhand.orchestration.spelling import hint
from cloudhand.orchestration.tasks import NAME, TaskReader
from cloudhand.orchestration.values import shown

VERSION = "OOS-2019-06-01"
_STATE_VERSION = "OOS-2019-06-01-State"
_TOP = ("FormatVersion", "Description", "Parameters", "RamRole", "Conditions", "Tasks", "Outputs",
        "Metadata")  # fmt: skip
_PARAMETER = ("Type", "Description", "Label", "Default", "AllowedValues", "AllowedPattern",
              "MinLength", "MaxLength", "MinValue", "MaxValue", "ConstraintDescription", "NoEcho",
              "AssociationProperty", "AssociationPropertyMetadata")  # fmt: skip
_CONDITIONS = ("fn::and", "fn::or", "fn::not", "fn::equals")


def parse(text: str, catalogue: Catalogue) -> Template:
    """TemplateInvalid, with every problem."""
    parser = _Parser(document.read(text), catalogue)
    template = parser.template()
    if template is None or parser.reading.problems:
        raise TemplateInvalid(parser.reading.problems)
    return template


class _Parser:
    def __init__(self, found: Document, catalogue: Catalogue) -> None:
        self._document = found
        self._catalogue = catalogue
        self.reading = Reading(found)

    def template(self) -> Template | None:
        data, reading = self._document.data, self.reading
        if data.get("FormatVersion") == _STATE_VERSION:
            what = "templates of state configurations are not supported"
            reading.problem(("FormatVersion",), what)
            return None
        reading.known((), data, _TOP)
        if data.get("FormatVersion") != VERSION:
            reading.problem(("FormatVersion",), f"it must be {VERSION}")
        declared = self._parameters(data.get("Parameters"))
        conditions = self._conditions(data.get("Conditions"))
        tasks = TaskReader(reading, self._catalogue).tasks(data.get("Tasks"))
        if tasks is None:
            return None
        template = Template(
            tasks=tuple(tasks),
            parameters=declared,
            conditions=conditions,
            outputs=tuple(self._results(data.get("Outputs"))),
            ram_role=reading.expression(data.get("RamRole") or "", ("RamRole",)),
            raw=data,
            format=self._document.format,
        )
        linked = linking.linked(template, reading.problem)
        return replace(linked, warnings=tuple(reading.warnings))

    def _parameters(self, value: Any) -> dict[str, parameters.Declared]:
        declared: dict[str, parameters.Declared] = {}
        given = self.reading.as_map(value, ("Parameters",))
        self.reading.distinct(("Parameters",), given)
        for name, one in given.items():
            path: Path = ("Parameters", name)
            if not NAME.fullmatch(name):
                self.reading.problem(path, "a name has letters, digits, - and _ only")
            declared[name.lower()] = self._parameter(name, self.reading.as_map(one, path), path)
        return declared

    def _parameter(self, name: str, data: Mapping[str, Any], path: Path) -> parameters.Declared:
        self.reading.known(path, data, _PARAMETER)
        allowed = data.get("AllowedValues")
        if allowed is not None and not isinstance(allowed, list):
            self.reading.problem((*path, "AllowedValues"), "it must be a list")
            allowed = None
        pattern = data.get("AllowedPattern", "")
        if not isinstance(pattern, str):
            self.reading.problem((*path, "AllowedPattern"), "it must be a text")
            pattern = ""
        least, most = (self._bound(data, key, path) for key in ("MinLength", "MaxLength"))
        default = (
            self.reading.expression(data["Default"], (*path, "Default"))
            if "Default" in data
            else None
        )
        return parameters.Declared(
            name=name,
            type=self._type(data.get("Type", "String"), (*path, "Type")),
            default=default,
            allowed_values=tuple(allowed) if allowed is not None else None,
            allowed_pattern=pattern,
            length=(
                None if least is None else int(least),
                None if most is None else int(most),
            ),
            bounds=(self._bound(data, "MinValue", path), self._bound(data, "MaxValue", path)),
            constraint=data.get("ConstraintDescription"),
            no_echo=data.get("NoEcho") in (True, "true", "True"),
        )

    def _type(self, value: Any, path: Path) -> parameters.Type:
        known = {kind.value.lower(): kind for kind in parameters.Type} | parameters.SYNONYMS
        if isinstance(value, str) and value.lower() in known:
            return known[value.lower()]
        names = [kind.value for kind in parameters.Type]
        close = hint(str(value), names)
        self.reading.problem(path, f"{shown(value)} is none of {', '.join(names)}{close}")
        return parameters.Type.STRING

    def _bound(self, data: Mapping[str, Any], key: str, path: Path) -> float | None:
        if data.get(key) is None:
            return None
        try:
            return float(parameters.convert(data[key], parameters.Type.NUMBER))
        except ValueError as error:
            self.reading.problem((*path, key), str(error))
            return None

    def _conditions(self, value: Any) -> dict[str, Expression]:
        found = {}
        given = self.reading.as_map(value, ("Conditions",))
        self.reading.distinct(("Conditions",), given)
        for name, one in given.items():
            path: Path = ("Conditions", name)
            parsed = self.reading.condition(one, path)
            outer = parsed.function.lower() if isinstance(parsed, expression.Call) else ""
            if outer not in _CONDITIONS:
                self.reading.problem(
                    path, "a condition is made by Fn::And, Fn::Or, Fn::Not or Fn::Equals"
                )
            found[name.lower()] = parsed
        return found

    def _results(self, value: Any) -> list[ResultSpec]:
        found = []
        for name, one in self.reading.as_map(value, ("Outputs",)).items():
            path: Path = ("Outputs", name)
            data = self.reading.as_map(one, path)
            self.reading.known(path, data, ("Type", "Value", "Description", "Label", "NoEcho"))
            if "Value" not in data:
                self.reading.problem(path, "it has no Value")
            parsed = self.reading.expression(data.get("Value"), (*path, "Value"))
            kind = str(data.get("Type", "String"))
            found.append(ResultSpec(name=name, kind=kind, value=parsed))
        return found
