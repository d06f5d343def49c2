# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception tree of the agent."""

from __future__ import annotations


class AgentError(Exception):
    """Something the agent could not do, in one line that says what is wrong and what would be right.

    Attributes:
        retryable: whether the same thing may go well later, unchanged.
    """

    retryable: bool = False


class SettingsError(AgentError):
    """The configuration can't be used."""


class StorageError(AgentError):
    """A record could not be made durable."""

    retryable = True


class CxoneError(AgentError):
    """NICE CXone could not be asked, or its answer made no sense."""


class SipError(AgentError):
    """The SIP stack refused to do something."""


class NamesError(AgentError):
    """A host name could not be looked up."""

    retryable = True


class NoSuchNameError(NamesError):
    """The name servers say that the name is not there, or has nothing of what was asked for."""

    retryable = False
