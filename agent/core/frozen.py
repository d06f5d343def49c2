# SPDX-License-Identifier: GPL-3.0-or-later
"""A dictionary that can't be changed; unlike ``MappingProxyType`` it can be pickled."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FrozenDict(dict[Key, Value]):
    """A dict that refuses every change after it was made. Nested values are the caller's affair."""

    __slots__ = ()

    def _refuse(self, *_args: object, **_options: object) -> NoReturn:
        raise TypeError("this mapping is frozen")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none because it changes; this one does not
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (dict(self),))


NOTHING: FrozenDict[Any, Any] = FrozenDict()
"""The empty mapping, shared."""
