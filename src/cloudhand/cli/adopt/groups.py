"""Ansible's inventories in YAML, and files of variables, as its plugins read them."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from cloudhand.cli.adopt.draft import ALL, Draft, Said, Unreadable

_DYNAMIC = (
    "it tells a plugin of Ansible how to find machines: `ansible-inventory -i FILE --list --yaml"
    " > hosts.yml` writes what it finds; name that"
)
_PARTS = ("hosts", "children", "vars")
_VAULT = "!vault"
_DEEPEST = 50


def read(text: str, path: str) -> Draft:
    """``path``: what it is called where something is not understood; Unreadable."""
    draft = Draft()
    reader = _Reader(text, path)
    top = dict(reader.pairs(reader.root))
    if any(name == "plugin" for name, _ in top.values()):
        raise Unreadable(path, _DYNAMIC)
    for key, (name, node) in top.items():
        draft.group(name)
        if name != ALL:
            draft.child(ALL, name)
        _group(draft, reader, name, node, reader.where(key), depth=0)
    draft.check(path)
    return draft


def variables(text: str, path: str) -> dict[str, Said]:
    """A file that holds a mapping of variables, or nothing; Unreadable."""
    reader = _Reader(text, path)
    return reader.said(reader.root)


def _group(
    draft: Draft, reader: _Reader, name: str, node: yaml.Node, where: str, *, depth: int
) -> None:
    if depth > _DEEPEST:
        raise Unreadable(where, f"the group {name} is nested deeper than {_DEEPEST} levels")
    for key, (part, inner) in reader.pairs(node):
        if part not in _PARTS:
            raise Unreadable(reader.where(key), f"a group has {', '.join(_PARTS)}, and not {part}")
        if part == "vars":
            draft.variables(name, reader.said(inner))
            continue
        for place, (one, its) in reader.pairs(inner):
            if part == "hosts":
                draft.hosts(name, one, reader.said(its), reader.where(place))
            else:
                draft.child(name, one)
                _group(draft, reader, one, its, reader.where(place), depth=depth + 1)


class _Reader:
    """Nodes, which know where they stand, as pairs and variables; Unreadable."""

    def __init__(self, text: str, path: str) -> None:
        self._path = path
        loader = yaml.CSafeLoader(text)
        try:
            self._check_depth(text)
            self.root = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            what = error.problem or error.context or "it is no YAML"
            raise Unreadable(f"{path}{line}", what) from None
        except yaml.reader.ReaderError as error:
            number = text.count("\n", 0, error.position) + 1
            what = f"it has a character that YAML does not allow: {error.reason}"
            raise Unreadable(f"{path}:{number}", what) from None
        finally:
            loader.dispose()

    def _check_depth(self, text: str) -> None:
        """First: what comes after recurses, in C."""
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST * 3:  # each group has a mapping for itself, and one for children
                raise Unreadable(self.where(event), f"it is nested deeper than {_DEEPEST} levels")

    def where(self, part: yaml.Node | yaml.Event) -> str:
        line = part.start_mark.line + 1 if part.start_mark else 1
        return f"{self._path}:{line}"

    def pairs(
        self, node: yaml.Node | None, *, depth: int = 0
    ) -> Iterator[tuple[yaml.ScalarNode, tuple[str, yaml.Node]]]:
        """Of a mapping, with what it merges first; of nothing, none; of one word, that."""
        if node is None or (isinstance(node, yaml.ScalarNode) and _nothing(node)):
            return
        if not isinstance(node, yaml.MappingNode) or depth > _DEEPEST:
            raise Unreadable(self.where(node), "here is to be a mapping, NAME: ...")
        own = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable(self.where(key), "a name is to be one word")
            if key.tag == "tag:yaml.org,2002:merge":
                several = isinstance(value, yaml.SequenceNode)
                for one in reversed(value.value) if several else (value,):
                    yield from self.pairs(one, depth=depth + 1)
            else:
                own.append((key, (key.value, value)))
        yield from own

    def said(self, node: yaml.Node | None) -> dict[str, Said]:
        """What is no text is nothing that is asked for, and is passed over."""
        return {
            name: Said(
                text="" if _nothing(value) else value.value,
                where=self.where(value),
                sealed=value.tag == _VAULT,
            )
            for _, (name, value) in self.pairs(node)
            if isinstance(value, yaml.ScalarNode)
        }


def _nothing(node: yaml.ScalarNode) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")
