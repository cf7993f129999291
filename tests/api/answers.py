"""Whether an answer is what an official client has classes for, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alibabacloud_oos20190601 import models

_SAMPLES: dict[str, Any] = {
    "str": "",
    "int": 0,
    "bool": False,
    "List[str]": [],
    "Dict[str, Any]": {},
}


def unlike_the_model(action: str, answer: Any) -> list[str]:
    """Fields that the client does not know, that it misses, or that have another type there."""
    return sorted(_unlike(action, answer, _sample(f"{action}ResponseBody")))


def _sample(name: str) -> Any:
    """An answer as the client would read it, with one of all that it knows."""
    kind = getattr(models, name)
    fields = {
        field: _value(annotation)
        for field, annotation in kind.__init__.__annotations__.items()
        if field != "return"
    }
    return kind(**fields)


def _value(annotation: str) -> Any:
    if annotation.startswith("List[main_models."):
        return [_sample(annotation.removeprefix("List[main_models.").removesuffix("]"))]
    if annotation.startswith("main_models."):
        return _sample(annotation.removeprefix("main_models."))
    return _SAMPLES[annotation]


def _unlike(path: str, answer: Any, sample: Any) -> Iterator[str]:
    wanted = sample.to_map() if hasattr(sample, "to_map") else sample
    if answer is None:
        return  # the client reads nothing
    if type(answer) is not type(wanted):
        yield f"{path} is {type(answer).__name__}, not {type(wanted).__name__}"
    elif isinstance(wanted, dict) and wanted:
        yield from (f"{path}.{name} is not known" for name in answer.keys() - wanted.keys())
        yield from (f"{path}.{name} is missing" for name in wanted.keys() - answer.keys())
        for name in answer.keys() & wanted.keys():
            yield from _unlike(f"{path}.{name}", answer[name], wanted[name])
    elif isinstance(wanted, list) and wanted:
        for one in answer:
            yield from _unlike(path, one, wanted[0])
