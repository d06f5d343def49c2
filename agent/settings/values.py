# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain values of a YAML file, with its references to secrets resolved."""

from __future__ import annotations

import re
from typing import Any, cast

from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.settings.document import DEEPEST, Document, entries, kind
from agent.settings.mistakes import Mistake
from agent.settings.references import References

PathOf = tuple[str | int, ...]
MOST_VALUES = 50_000
"""Values in one file that is not a number map; aliases can multiply a few lines into more (an alias bomb)."""

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_SCALARS = SafeConstructor()


class _Refused(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, node: Node, text: str) -> None:
        self.node, self.text = node, text


def values(document: Document, references: References) -> tuple[dict[str, Any], list[Mistake], set[PathOf]]:
    """The plain values of a document with its references to secrets resolved.

    Returns:
        The values, the mistakes found on the way (keys twice, references that lead nowhere, …), and the paths
        of values that could not be made and so must not be judged further.
    """
    builder = _Builder(document, references)
    try:
        result = builder.mapping(document.root, ())
    except _Refused as refused:
        builder.mistakes.append(document.mistake(refused.node, refused.text))
        builder.spoiled.add(())
        result = {}
    return result, builder.mistakes, builder.spoiled


class _Builder:
    """Turns nodes into values, within bounds, and notes what is wrong."""

    def __init__(self, document: Document, references: References) -> None:
        self.document = document
        self.references = references
        self.mistakes: list[Mistake] = []
        self.spoiled: set[PathOf] = set()
        self.count = 0

    def mapping(self, node: MappingNode, path: PathOf) -> dict[str, Any]:
        result: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for entry in entries(self.document, node):
            if isinstance(entry, Mistake):
                self.mistakes.append(entry)
                continue
            key, value = entry
            name = str(key.value)
            if name in result:
                text = f"{name!r} is there twice, first in line {lines[name]}: leave one out"
                self.mistakes.append(self.document.mistake(key, text))
                continue
            lines[name] = key.start_mark.line + 1
            result[name] = self.value(value, (*path, name))
        return result

    def value(self, node: Node, path: PathOf) -> Any:  # noqa: ANN401 - YAML holds anything
        self.count += 1
        if self.count > MOST_VALUES or len(path) > DEEPEST:
            raise _Refused(node, "too much is nested or repeated by aliases here: write it out")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.scalar(cast("ScalarNode", node), path)

    def scalar(self, node: ScalarNode, path: PathOf) -> Any:  # noqa: ANN401 - the same
        text = str(node.value)
        match kind(node):
            case "null":
                return None
            case "bool":
                return _SCALARS.construct_yaml_bool(node)
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "float" if _FRACTION.fullmatch(text):
                return float(text)
            case "int" | "float":
                self.spoil(node, path, _odd_number(node))
                return text
            case "str":
                return self.text(node, text, path)
        self.spoil(node, path, f'YAML reads {text} as something else than text: put it in quotes, "{text}"')
        return text

    def text(self, node: Node, text: str, path: PathOf) -> str:
        try:
            return self.references.resolve(text)
        except ValueError as error:
            self.spoil(node, path, str(error))
            return text

    def spoil(self, node: Node, path: PathOf, text: str) -> None:
        self.mistakes.append(self.document.mistake(node, text))
        self.spoiled.add(path)


def _odd_number(node: ScalarNode) -> str:
    """What is wrong with a number that means another one than it shows, to some readers of YAML at least."""
    text = str(node.value)
    make = _SCALARS.construct_yaml_int if kind(node) == "int" else _SCALARS.construct_yaml_float
    read = make(ScalarNode(node.tag, text))
    octal = " (octal)" if re.fullmatch(r"[-+]?0[0-7_]+", text) else ""
    return f'YAML reads {text} as {read}{octal}: write a number in plain digits, a text in quotes, "{text}"'
