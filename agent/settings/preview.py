# SPDX-License-Identifier: GPL-3.0-or-later
"""What an edit of the number maps would do, found out in a child process; nothing comes into force.

The maps go to the child as they were sent: reading five megabytes is not for the loop.
"""

from __future__ import annotations

import os
import pickle
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.children import Said, ask
from agent.core.drafts import Draft, Live
from agent.core.errors import AgentError, SettingsError
from agent.core.model import Snapshot
from agent.settings.changes import Summary
from agent.settings.handover import Packed, lend, pack
from agent.settings.mistakes import Mistake

LONGEST: Final = 120.0
"""Seconds; see `agent.settings.child`."""


@dataclass(frozen=True, slots=True)
class Touched:
    """A call that is up on a number which others would take, or nobody: it keeps the configuration it has."""

    call_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of it.

    Attributes:
        summary: what it changes of what is in force; None: it would be refused.
        mistakes: why, the first of them.
        more: how many there are beside these.
        rules: the number map would have.
        touched: calls that are up on numbers that move.
    """

    summary: Summary | None = None
    mistakes: tuple[Mistake, ...] = ()
    more: int = 0
    rules: int = 0
    touched: tuple[Touched, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What the child is told, beside the memory with the map in force."""

    folder: Path
    in_force: Packed
    draft: Draft
    live: Live


async def preview_in_child(
    folder: Path,
    in_force: Snapshot,
    draft: Draft,
    live: Live,
    timeout: float = LONGEST,  # noqa: ASYNC109 - it kills the child
) -> Preview:
    """See what number maps would change if they lay in ``folder``.

    Args:
        folder: the configuration, whose other files count as they are on disk.
        in_force: what it is compared with.
        draft: the maps.
        live: calls that are up.
        timeout: seconds after which the child is killed.

    Raises:
        DraftError: it is none.
        SettingsError: the child could not be started, died or took too long.
    """
    question = Question(folder, pack(in_force), draft, live)
    try:
        with closing(_Lent(in_force)) as lent:
            said = await ask(
                "agent.settings.previewing",
                str(lent.descriptor),
                told=pickle.dumps(question, protocol=pickle.HIGHEST_PROTOCOL),
                seconds=timeout,
                lent=[lent.descriptor],
            )
    except TimeoutError:
        raise SettingsError(f"the preview took longer than {timeout:g} s and was given up") from None
    except OSError as error:
        raise SettingsError(f"no process can be started for a preview: {error.strerror}") from None
    return _answer(said)


class _Lent:
    def __init__(self, snapshot: Snapshot) -> None:
        self.descriptor = lend(snapshot.numbers)

    def close(self) -> None:
        os.close(self.descriptor)


def _answer(said: Said) -> Preview:
    if said.code != 0:
        raise SettingsError(f"the process that made the preview died ({said.code}): {said.last_words}")
    try:
        found = pickle.loads(said.output)  # noqa: S301 - it comes from our own child
    except Exception as error:
        raise SettingsError("the process that made the preview sent nothing usable") from error
    if isinstance(found, Preview):
        return found
    raise found if isinstance(found, AgentError) else SettingsError(f"no preview: {found}")
