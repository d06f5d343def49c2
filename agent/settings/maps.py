# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps read by hand, since they may hold a hundred thousand numbers: YAML, and CSV by `csv_lines`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.model import is_label_name
from agent.core.numbers import NumberRule, Pattern, parse_pattern
from agent.settings.csv_lines import csv_lines
from agent.settings.document import Document, entries, kind, parse
from agent.settings.mistakes import Mistake
from agent.settings.plain_lines import Line, plainly
from agent.settings.spreadsheets import mangled
from agent.settings.validation import did_you_mean

CSV = ".csv"


def _no_words(_text: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule, what its key covers, the column of the key, and the one to blame for projects."""

    rule: NumberRule
    pattern: Pattern
    column: int
    blamed: int = 0

    def mistake(self, text: str) -> Mistake:
        """A mistake at the rule's key."""
        return Mistake(self.rule.file, self.rule.line, self.column, text)

    def of_projects(self, text: str) -> Mistake:
        """A mistake where the projects stand: in YAML the key, in CSV their cell."""
        return Mistake(self.rule.file, self.rule.line, self.blamed or self.column, text)


@dataclass(slots=True)
class MapReader:
    """Reads one number file after the other; ``entries`` and ``mistakes`` grow."""

    entries: list[Entry] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    _labels_seen: dict[tuple[tuple[str, str], ...], FrozenDict[str, str]] = field(default_factory=dict)
    _single: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _several: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def read(self, document: Document) -> None:
        """Take over the rules of one file."""
        seen = False
        for key, value in self._pairs(document, document.root):
            if key.value != "numbers" or seen:
                known = did_you_mean(key.value, ["numbers"])
                self._note(
                    document, key, "numbers is there twice" if seen else f"unknown key {key.value!r}: {known}"
                )
                continue
            seen = True
            if isinstance(value, MappingNode):
                for number, target in self._pairs(document, value):
                    self._rule(document, number, target)
            elif kind(value) != "null":
                self._note(document, value, 'numbers must be keys with values: write "9995550100": project')
        if not seen:
            self._note(document, document.root, 'numbers is missing: write numbers: {"9995550100": project}')

    def read_map(
        self, text: str, name: str, project: str = "", told: Callable[[float], None] | None = None
    ) -> Mistake | None:
        """Take over the rules of one file.

        Args:
            text: the file.
            name: how mistakes call it; ``.csv`` at its end says what it is.
            project: of lines of a CSV that name none.
            told: is told now and then which share is read.

        Returns:
            None, or the mistake for which it can't be read at all.
        """
        if PurePath(name).suffix == CSV:
            for row in csv_lines(text, name, project, told):
                if isinstance(row, Mistake):
                    self.mistakes.append(row)
                else:
                    self._line(row, name, mangled)
            return None
        parts = plainly(text, name, told)
        if parts is None:
            document = parse(text, name)
            if isinstance(document, Mistake):
                return document
            self.read(document)
            return None
        for part in parts:
            if isinstance(part, Document):
                self.read(part)
            else:
                self._line(part, name)
        return None

    def _line(self, line: Line, file: str, words: Callable[[str], str | None] = _no_words) -> None:
        try:
            pattern = parse_pattern(line.key)
        except ValueError as error:
            told = words(line.key) or str(error)
            self.mistakes.append(Mistake(file, line.number, line.column, told))
            return
        projects = self._several.setdefault(line.projects, line.projects)
        labels = self._labels_seen.get(line.labels)
        if labels is None:
            labels = self._labels_seen[line.labels] = FrozenDict(line.labels) if line.labels else NOTHING
        rule = NumberRule(line.key, projects, labels, file, line.number)
        self.entries.append(Entry(rule, pattern, line.column, line.blamed))

    def _rule(self, document: Document, key: ScalarNode, value: Node) -> None:
        objection = _objection(key)
        if objection is None:
            try:
                pattern = parse_pattern(key.value)
            except ValueError as error:
                objection = str(error)
        if objection is not None:
            self._note(document, key, objection)
            return
        labels: FrozenDict[str, str] = NOTHING
        projects: tuple[str, ...] | None
        if isinstance(value, MappingNode):
            projects, labels = self._long_form(document, key, value)
        else:
            projects = self._projects(document, value)
        if projects:
            rule = NumberRule(key.value, projects, labels, document.file, document.line(key))
            self.entries.append(Entry(rule, pattern, key.start_mark.column + 1))

    def _long_form(
        self, document: Document, key: ScalarNode, node: MappingNode
    ) -> tuple[tuple[str, ...] | None, FrozenDict[str, str]]:
        projects: tuple[str, ...] | None = None
        labels: FrozenDict[str, str] = NOTHING
        given = set()
        for name, value in self._pairs(document, node):
            if name.value in given:
                self._note(document, name, f"{name.value!r} is there twice: leave one out")
            elif name.value == "project":
                projects = self._projects(document, value)
            elif name.value == "labels":
                labels = self._labels(document, value)
            else:
                known = did_you_mean(name.value, ["project", "labels"])
                self._note(document, name, f"unknown key {name.value!r}: {known}")
            given.add(name.value)
        if "project" not in given:
            self._note(document, key, "project is missing: write {project: …, labels: {…}}")
        return projects, labels

    def _projects(self, document: Document, node: Node) -> tuple[str, ...] | None:
        if isinstance(node, ScalarNode):
            if node.value in self._single and kind(node) == "str":
                return self._single[node.value]
            if self._is_text(document, node, "the name of a project"):
                return self._single.setdefault(node.value, (node.value,))
            return None
        if not isinstance(node, SequenceNode):
            self._note(document, node, "keys with values stand where the name of a project belongs")
            return None
        names: list[str] = []
        for item in node.value:
            if not self._is_text(document, item, "the name of a project"):
                return None
            if item.value in names:
                self._note(document, item, f"{item.value} is listed twice: leave one out")
                continue
            names.append(item.value)
        if not names:
            self._note(document, node, "nothing is listed: at least one project is needed")
        return tuple(names) or None

    def _labels(self, document: Document, node: Node) -> FrozenDict[str, str]:
        if not isinstance(node, MappingNode):
            self._note(document, node, "labels must be keys with values: write {brand: acme-uk}")
            return NOTHING
        labels: dict[str, str] = {}
        for name, value in self._pairs(document, node):
            if kind(name) != "str" or not is_label_name(name.value):
                self._note(
                    document,
                    name,
                    f"{name.value!r} is not a label: a letter, then letters, digits, _ and -",
                )
            elif name.value in labels:
                self._note(document, name, f"{name.value!r} is there twice: leave one out")
            elif self._is_text(document, value, "a text"):
                labels[name.value] = value.value
        return self._labels_seen.setdefault(tuple(labels.items()), FrozenDict(labels))  # few differ

    def _is_text(self, document: Document, node: Node, wanted: str) -> bool:
        if not isinstance(node, ScalarNode):
            self._note(document, node, f"{wanted} belongs here")
        elif kind(node) == "null" or not node.value:
            self._note(document, node, f"nothing stands where {wanted} belongs")
        elif kind(node) != "str":
            self._note(
                document,
                node,
                f'YAML reads {node.value} as {_read_as(node)}: put it in quotes, "{node.value}"',
            )
        else:
            return True
        return False

    def _pairs(self, document: Document, node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
        for entry in entries(document, node):
            if isinstance(entry, Mistake):
                self.mistakes.append(entry)
            else:
                yield entry

    def _note(self, document: Document, node: Node, text: str) -> None:
        self.mistakes.append(document.mistake(node, text))


def unknown_projects(found: Iterable[Entry], known: Iterable[str]) -> Iterator[Mistake]:
    """A mistake for each rule that names an unknown project."""
    names = set(known)
    advice: dict[str, str] = {}
    for entry in found:
        for name in entry.rule.projects:
            if name not in names:
                if name not in advice:
                    advice[name] = did_you_mean(name, names) if names else "there are no projects"
                yield entry.of_projects(f"unknown project {name!r}: {advice[name]}")


def _objection(key: ScalarNode) -> str | None:
    """What speaks against an unquoted key.

    Plain digits are taken although YAML reads them as a number, for that number has the same digits. What
    YAML versions read differently (a leading zero or plus, an underscore, colons, ``no``) is refused.
    """
    text = key.value
    if kind(key) == "str":
        if not key.style and text.isdigit() and text[0] == "0" and len(text) > 1:
            return f'{text} begins with a zero that YAML may drop: put it in quotes, "{text}"'
        return None
    if kind(key) == "int" and text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        return None
    return f'YAML reads {text} as {_read_as(key)}: put it in quotes, "{text}"'


def _read_as(node: Node) -> str:
    match kind(node):
        case "int":
            return (
                "another number"
                if ":" in node.value or node.value[0] in "0-" or "_" in node.value
                else "a number"
            )
        case "float":
            return "a fraction"
        case "bool":
            return "true or false"
        case "null":
            return "nothing"
        case "timestamp":
            return "a date"
    return "something else than text"
