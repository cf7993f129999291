"""The templates that come with Cloudhand: actions of products, and public templates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

from cloudhand.core.ids import TemplateId
from cloudhand.orchestration.actions import ACTIONS
from cloudhand.orchestration.document import read
from cloudhand.orchestration.model import ActionSpec, Template
from cloudhand.orchestration.template import parse


@dataclass(frozen=True, kw_only=True)
class Text:
    """A template as text, with the hash that it is kept under."""

    name: str
    text: str

    @cached_property
    def hash(self) -> str:
        return hashed(self.text)

    @property
    def id(self) -> TemplateId:
        """Of what comes with Cloudhand, and so has no row."""
        return TemplateId(f"t-{self.hash[:20]}")


def hashed(text: str) -> str:
    """SHA-256, as the API tells it."""
    return hashlib.sha256(text.encode()).hexdigest()


class Library:
    """orchestration.model.Catalogue, and the texts of what it names.

    ``served``: the operations that can be called here, by product, all in lower case.
    """

    def __init__(self, served: Mapping[str, frozenset[str]]) -> None:
        self._served = served
        self.actions = _texts("cloud")  # of product actions, by their names in lower case
        self.public = _texts("public")
        self._specs = {name.lower(): action.spec for name, action in ACTIONS.items()}
        self._specs |= {name: _spec(text) for name, text in self.actions.items()}

    def find(self, name: str) -> ActionSpec | None:
        return self._specs.get(name.lower())

    def names(self) -> list[str]:
        return [spec.name for spec in self._specs.values()]

    def serves(self, service: str, api: str) -> bool:
        return api.lower() in self._served.get(service.lower(), frozenset())

    def parse(self, text: str) -> Template:
        """TemplateInvalid."""
        return parse(text, self)


def _texts(folder: str) -> dict[str, Text]:
    """A file is named for its template, with a dash for what file names cannot have."""
    found = {}
    place = resources.files("cloudhand.orchestration.actions").joinpath(folder)
    for entry in place.iterdir() if place.is_dir() else ():  # a checkout has no empty folders
        if entry.name.endswith(".yml"):
            stem = entry.name.removesuffix(".yml")
            name = stem.replace("-", "::") if folder == "cloud" else stem
            found[name.lower()] = Text(name=name, text=entry.read_text(encoding="utf-8"))
    return found


def _spec(text: Text) -> ActionSpec:
    """What a template must know of a product action: its parameters are properties."""
    declared: dict[str, Any] = read(text.text).data["Parameters"]
    return ActionSpec(
        name=text.name,
        properties={name: "Default" not in one for name, one in declared.items()},
        embedded=True,
    )
