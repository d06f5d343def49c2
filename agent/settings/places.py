# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each value of a file stands, for people who look at a configuration that is in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.core.model import Written
from agent.settings.document import Document

_REFERENCES: Final = ("${env:", "${file:")


def written(document: Document) -> Written:
    """The places of all keys of a file that has no mistakes."""
    return Written(document.file, "\n".join(_lines(document, document.root, "")))


def _lines(document: Document, node: Node, path: str) -> Iterator[str]:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            below = f"{path}.{key.value}" if path else str(key.value)
            if below.isprintable():
                yield f"{below}\t{document.line(key)}\t{_reference(value)}"
                yield from _lines(document, value, below)
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield f"{path}.{index}\t{document.line(item)}\t{_reference(item)}"
            yield from _lines(document, item, f"{path}.{index}")


def _reference(node: Node) -> str:
    if not isinstance(node, ScalarNode) or not str(node.value).startswith(_REFERENCES):
        return ""
    return str(node.value) if str(node.value).isprintable() else "a reference"
