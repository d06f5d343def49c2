# SPDX-License-Identifier: GPL-3.0-or-later
"""How a configuration gets from the process that reads it to the agent, and the one in force the other way.

What is small is pickled. The rules of the number map, which may be a hundred thousand, lie in memory that
both processes map (a memfd), so that neither copies nor unpickles them.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass, replace
from typing import Self

from agent.core.model import Snapshot
from agent.core.number_map import Layout, NumberMap
from agent.settings.changes import Summary

_NOTHING = NumberMap()
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


@dataclass(frozen=True, slots=True)
class Packed:
    """A snapshot without its rules, and how they lie in the memory that goes beside it."""

    rest: Snapshot
    layout: Layout


@dataclass(frozen=True, slots=True)
class Fresh:
    """What was read, and what it changes of the snapshot in force (None at the start)."""

    snapshot: Snapshot
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class PackedFresh:
    """`Fresh`, on its way."""

    packed: Packed
    summary: Summary | None


class Memory(mmap.mmap):
    """Memory that another process can map too; its descriptor is closed with it."""

    descriptor: int

    def __new__(cls, descriptor: int) -> Self:
        """Map what ``descriptor`` holds, for reading; it belongs to this object from then on."""
        made = super().__new__(cls, descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        made.descriptor = descriptor
        return made

    def __del__(self) -> None:
        os.close(self.descriptor)


def new_memory() -> int:
    """The descriptor of memory without a name, still empty.

    Raises:
        OSError: there is no descriptor or no memory left.
    """
    return os.memfd_create("numbers", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def pack(snapshot: Snapshot) -> Packed:
    """What is to be pickled of a snapshot."""
    return Packed(replace(snapshot, numbers=_NOTHING), snapshot.numbers.layout)


def unpack(packed: Packed, descriptor: int) -> Snapshot:
    """The snapshot, its rules in the memory of ``descriptor``, which belongs to it from then on.

    Raises:
        OSError: the memory can't be mapped.
    """
    try:
        memory = Memory(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return replace(packed.rest, numbers=NumberMap.over(memory, packed.layout))


def fill(descriptor: int, numbers: NumberMap) -> None:
    """Write the rules of a map into memory, and let nobody change it any more."""
    with open(descriptor, "wb", closefd=False) as file:
        file.write(numbers.block)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)


def lend(numbers: NumberMap) -> int:
    """A descriptor of the memory that holds a map's rules, to be closed by the caller.

    Raises:
        OSError: there is no descriptor or no memory left.
    """
    block = numbers.block
    if isinstance(block, Memory):
        return os.dup(block.descriptor)
    descriptor = new_memory()
    fill(descriptor, numbers)
    return descriptor
