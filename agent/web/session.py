# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients that requests leave by."""

from __future__ import annotations

import sys
from typing import Final

from agent.names.names import Names
from agent.web.client import Client

_CONNECTIONS: Final = 256
_OF_NODES: Final = 128


def new_session(names: Names) -> Client:
    """A client as the agent wants it for NICE."""
    return Client(names, _CONNECTIONS)


def new_session_apart(names: Names) -> Client:
    """A client for webhooks and transcripts: what hangs there takes nothing that a signal needs.

    It has connections of its own, which the courier bounds by project. Names hold nobody up.
    """
    return Client(names, sys.maxsize)


def new_session_of_nodes(names: Names) -> Client:
    """A client for the other nodes of a fleet, each of which lets one address have 500 connections."""
    return Client(names, _OF_NODES)
