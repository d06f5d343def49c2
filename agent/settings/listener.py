# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a node's operations listener is, read without judging the rest of the configuration."""

from __future__ import annotations

from pathlib import Path

from agent.core.model import Http
from agent.core.units import Address, address
from agent.settings.document import read
from agent.settings.mistakes import Mistake, Mistakes

_PATH = ("http", "operations")


def operations_listener(folder: Path) -> Address:
    """``http.operations`` of agent.yaml in ``folder``, whatever else is wrong; the default if it is absent.

    Raises:
        Mistakes: agent.yaml can't be read as YAML, or this value in it is no address.
    """
    file = folder / "agent.yaml"
    document = read(file, str(file))
    if isinstance(document, Mistake):
        raise Mistakes([document])
    written = document.scalar(_PATH)
    if written is None:
        return Http().operations
    try:
        return address(written)
    except ValueError as error:
        raise Mistakes([document.mistake(document.at(_PATH), str(error))]) from None
