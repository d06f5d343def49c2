# SPDX-License-Identifier: GPL-3.0-or-later
"""What `agent.settings.preview` runs: reads a draft of number maps and tells what it would change, pickled.

Argument: the descriptor of the memory with the map in force; the rest comes on standard input, pickled.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from agent.child import take_at_most
from agent.core.drafts import Draft, DraftError, Live
from agent.core.errors import AgentError
from agent.core.model import Snapshot
from agent.core.number_map import NumberMap
from agent.settings.changes import changes
from agent.settings.handover import unpack
from agent.settings.loader import load
from agent.settings.map_files import NUMBERS, Edit
from agent.settings.mistakes import MOST_TOLD, Mistakes
from agent.settings.preview import Preview, Question, Touched

MOST_MEMORY: Final = 2 << 30
_NICENESS: Final = 10
_LINES: Final = 100  # of each sort of change: a preview is read by a person
_NAME: Final = re.compile(r"(?:numbers/)?([^./\s][^/\x00-\x1f]{0,100}\.(?:yaml|csv))")
_NEW: Final = "preview"
_WANTED: Final = 'send {"files": {"acme.csv": "the text of the map"}}'


def main(memory: str) -> None:
    """What the child does."""
    take_at_most(MOST_MEMORY)
    os.nice(_NICENESS)
    result: Preview | AgentError | str
    try:
        with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as pipe:
            question: Question = pickle.load(pipe)  # noqa: S301 - it comes from our own parent
        result = answer(question, unpack(question.in_force, int(memory)))
    except AgentError as error:
        result = error
    except MemoryError:
        result = f"it takes more than {MOST_MEMORY >> 30} GiB of memory"
    except Exception as error:  # noqa: BLE001 - the parent must get one line, whatever it is
        result = f"{type(error).__name__}: {error}"
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as pipe:
        pickle.dump(result, pipe, protocol=pickle.HIGHEST_PROTOCOL)


def answer(question: Question, in_force: Snapshot) -> Preview:
    """What the draft would change of what is in force.

    Raises:
        DraftError: it is no draft.
    """
    try:
        fresh = load(
            question.folder,
            in_force=in_force.certificates,
            edit=edit_of(question.draft, question.folder),
            instance=in_force.instance,
        )
    except Mistakes as error:
        first = error.first(MOST_TOLD)
        return Preview(mistakes=first.mistakes, more=first.more)
    return Preview(
        summary=changes(in_force, fresh).summary(len(in_force.numbers), _LINES),
        rules=len(fresh.numbers),
        touched=tuple(touched(in_force.numbers, fresh.numbers, question.live)),
    )


def touched(before: NumberMap, after: NumberMap, live: Live) -> Iterator[Touched]:
    """The calls on numbers that other projects, or none, would take."""
    for call_id, number in live:
        old, new = _takers(before, number), _takers(after, number)
        if old != new:
            yield Touched(call_id, old, new)


def edit_of(draft: Draft, folder: Path) -> Edit:
    """The files of a draft.

    Raises:
        DraftError: it can't be read, or names a file that can't be a number map.
    """
    if draft.kind != "json":
        return Edit({_path(folder, draft.file or f"{_NEW}.{draft.kind}"): draft.body})
    plain = _plain(draft.body)
    files, alone = plain.pop("files", None), plain.pop("alone", False)
    if plain:
        raise DraftError(f"{next(iter(plain))[:80]!r} is not known: {_WANTED}")
    if not isinstance(files, dict) or not files or not isinstance(alone, bool):
        raise DraftError(f"there are no files in it: {_WANTED}")
    texts, without = {}, set()
    for name, text in files.items():
        path = _path(folder, name)
        if isinstance(text, str):
            texts[path] = text.encode(errors="surrogatepass")
        elif text is None:
            without.add(path)
        else:
            raise DraftError(f"{name!r} has no text: {_WANTED}, or null for a file that goes")
    return Edit(texts, frozenset(without), alone)


def _plain(body: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        raise DraftError(f"it is not JSON: {_WANTED}") from None
    if not isinstance(plain, dict):
        raise DraftError(f"it is no object: {_WANTED}")
    return plain


def _path(folder: Path, name: str) -> Path:
    match = _NAME.fullmatch(name)
    if match is None:
        raise DraftError(f"{name[:120]!r} can't be a number map: name it NAME.yaml or NAME.csv")
    return folder / NUMBERS / match[1]


def _takers(numbers: NumberMap, number: str) -> tuple[str, ...]:
    rule = numbers.match(number)
    return rule.projects if rule is not None else ()


if __name__ == "__main__":
    main(sys.argv[1])
