# SPDX-License-Identifier: GPL-3.0-or-later
"""What may fail and must end nothing else, whatever goes wrong in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ParamSpec

_Given = ParamSpec("_Given")


class Containing(ABC):
    """Does what may fail; what went wrong is taken by whoever knows what it concerns."""

    __slots__ = ()

    @abstractmethod
    def took(self, where: str, error: BaseException) -> None:
        """An error was contained; `where` is a word for what it happened in."""

    def run(
        self, where: str, work: Callable[_Given, object], *args: _Given.args, **options: _Given.kwargs
    ) -> bool:
        """Do something that must end nothing else; False when it failed."""
        try:
            work(*args, **options)
        except Exception as error:  # noqa: BLE001 - this is the place for whatever comes
            self.took(where, error)
            return False
        return True
