# SPDX-License-Identifier: GPL-3.0-or-later
"""How a part tells its whole of something without keeping it alive.

A whole that its parts hold is a circle, which only the garbage collector takes apart: its memory stays until
then, and nobody is answered meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def back(method: Callable[_Given, _Found]) -> Callable[_Given, _Found | None]:
    """What calls a bound method while its object is there; afterwards it does nothing, and gives None."""
    link = WeakMethod(method)

    def call(*given: _Given.args, **named: _Given.kwargs) -> _Found | None:
        alive = link()
        return None if alive is None else alive(*given, **named)

    return call
