# SPDX-License-Identifier: GPL-3.0-or-later
"""One YAML file as nodes that know their line and column.

Only PyYAML's composer is used: it gives positions and runs nothing that a file asks for. Values are made of
the nodes by `agent.settings.values`.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.settings.files import TooLargeError, read_regular
from agent.settings.mistakes import Mistake
from agent.settings.syntax import explain

LARGEST_FILE = 64 * 1024 * 1024
DEEPEST = 24
_SURELY_SHALLOW = 500

_TAG = "tag:yaml.org,2002:"
_OF_KIND = {ScalarNode: _TAG + "str", SequenceNode: _TAG + "seq", MappingNode: _TAG + "map"}
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]  # which one depends on how PyYAML was built
    """PyYAML's loader with a short way to a value's type: the general one took half of a large map's time."""

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> str:  # noqa: ANN401 - a pair of flags, or one
        """The tag of a node without one: only an unquoted scalar may be other than its kind says."""
        if kind is ScalarNode and implicit[0]:
            for tag, pattern in self.yaml_implicit_resolvers.get(value[:1], ()):
                if pattern.match(value):
                    return str(tag)
        return _OF_KIND[kind]


@dataclass(slots=True)
class Document:
    """A file that could be read as YAML, or a piece of one that begins ``shift`` lines down."""

    file: str
    root: MappingNode
    shift: int = 0

    def line(self, node: Node) -> int:
        """The line of ``node``, from 1."""
        return int(node.start_mark.line) + 1 + self.shift

    def mistake(self, node: Node, text: str) -> Mistake:
        """A mistake at the place of ``node``."""
        return Mistake(self.file, self.line(node), node.start_mark.column + 1, text)

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Node:
        """The node to blame for what is wrong at ``path``; the nearest one above where there is none.

        For a mapping, and with ``key``, that is its key, since the key is where an operator looks.
        """
        node: Node = self.root
        blamed: Node = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            key_node, node = found
            blamed = key_node if key_node is not None and (key or not isinstance(node, ScalarNode)) else node
        return blamed

    def scalar(self, path: Sequence[str | int]) -> str | None:
        """The text of the scalar at ``path`` as it is written, None if there is none."""
        node: Node = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                return None
            node = found[1]
        return str(node.value) if isinstance(node, ScalarNode) else None


def read(path: Path, name: str) -> Document | Mistake:
    """Read a YAML file whose top is a mapping.

    Args:
        path: where it is.
        name: how mistakes call it.

    Returns:
        The document, or the mistake for which it can't be read at all.
    """
    text = content(path, name)
    return text if isinstance(text, Mistake) else parse(text, name)


def content(path: Path, name: str) -> str | Mistake:
    """The text of a file; arguments and mistakes as for `read`."""
    try:
        return text_of(read_regular(path, LARGEST_FILE), name)
    except FileNotFoundError:
        return Mistake(name, 1, 1, "the file is missing")
    except TooLargeError:
        return Mistake(name, 1, 1, f"the file is larger than {LARGEST_FILE >> 20} MiB: split it")
    except OSError as error:
        return Mistake(name, 1, 1, f"the file can't be read: {error.strerror}")


def text_of(content: bytes, name: str) -> str | Mistake:
    """The text of a file's bytes without a byte order mark, or where they are no UTF-8."""
    content = content.removeprefix(BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        begins = content.rfind(b"\n", 0, error.start) + 1
        line, column = content.count(b"\n", 0, begins) + 1, len(content[begins : error.start].decode()) + 1
        wanted = "CSV UTF-8" if name.endswith(".csv") else "UTF-8"
        return Mistake(name, line, column, f"the file is not UTF-8, here at the latest: save it as {wanted}")


def parse(text: str, name: str, shift: int = 0) -> Document | Mistake:
    """Read YAML whose top is a mapping.

    Args:
        text: the file, or a piece of it.
        name: how mistakes call it.
        shift: lines of the file before the piece.
    """
    try:
        root = _compose(text)
    except yaml.MarkedYAMLError as error:
        line, column, words = explain(text, error)
        return Mistake(name, line, column, f"not YAML: {words}")
    except yaml.reader.ReaderError as error:
        code = int(error.character)
        words = f"a control character (U+{code:04X}) stands here: leave it out"
        return Mistake(name, *_place(text, max(text.find(chr(code)), 0)), f"not YAML: {words}")
    except (yaml.YAMLError, RecursionError):
        return Mistake(name, 1, 1, "not YAML: unreadable, or nested too deeply")
    if root is None or (isinstance(root, ScalarNode) and root.tag == _TAG + "null"):
        return Mistake(name, 1, 1, "the file is empty")
    if not isinstance(root, MappingNode):
        mark = root.start_mark
        return Mistake(
            name, mark.line + 1, mark.column + 1, "must be keys with values, one `key: value` a line"
        )
    return Document(name, root, shift)


def entries(document: Document, node: MappingNode) -> Iterator[tuple[ScalarNode, Node] | Mistake]:
    """The pairs of a mapping; a mistake for each key that is no single value."""
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            yield document.mistake(key, "a key must be a single value")
        elif key.tag == _TAG + "merge":
            yield document.mistake(key, "merging with << is not supported: write the keys out")
        else:
            yield key, value


@cache
def is_plain_text(word: str) -> bool:
    """Whether YAML takes an unquoted word, which is no number, for a text: ``acme`` is one, ``no`` is not."""
    known = _Loader.yaml_implicit_resolvers.get(word[:1], ())
    return not any(pattern.match(word) for _, pattern in known)


def kind(node: Node) -> str:
    """What YAML takes a node for, such as ``str``, ``int``, ``float``, ``bool``, ``null``, ``timestamp``."""
    return str(node.tag).removeprefix(_TAG)


def _compose(text: str) -> Node | None:
    _refuse_depth(text)
    loader = _Loader(text)
    try:
        return loader.get_single_node()  # type: ignore[no-any-return]  # see the class
    finally:
        loader.dispose()


def _refuse_depth(text: str) -> None:
    """Raise RecursionError for nesting that would overflow the C stack of libyaml's recursive composer.

    Depth needs brackets, or indentation within a line; only a text with enough of either is counted out, by
    the parser, which does not recurse.
    """
    longest_line = max(map(len, text.splitlines()), default=0)
    if text.count("[") + text.count("{") + longest_line < _SURELY_SHALLOW:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _child(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
