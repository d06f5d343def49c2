# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use the operations listener: ``http.operations_auth`` in agent.yaml."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core.hosts import loopback
from agent.core.model.base import Duration, HeaderName, Listed, Model, Name, Source, Text, misplaced
from agent.core.model.keys import ApiKeys, digest_of, easy_to_guess
from agent.core.units import Address

Role = Literal["viewer", "operator"]
"""A viewer reads, numbers masked; an operator changes things and sees numbers in clear."""
OpenPath = Literal["/healthz", "/readyz", "/metrics", "/alarms"]
_OPEN: tuple[OpenPath, ...] = ("/healthz", "/readyz", "/metrics")


def _hard_to_guess(keys: ApiKeys) -> ApiKeys:
    if not keys:
        raise ValueError("a token is needed: write ${env:NAME}, ${file:/path} or sha256: and 64 hex digits")
    if any(map(easy_to_guess, keys)):
        raise ValueError(
            "the token is easy to guess: take 12 random characters or more (openssl rand -hex 16)"
        )
    return keys


class Token(Model):
    """One person, team or program that may ask."""

    name: Name = Field(description="Who has it; stands in the log of what was changed.")
    role: Role = Field(
        default="viewer",
        description="viewer: may read, phone numbers masked; operator: may change things, numbers in clear.",
    )
    token: Annotated[ApiKeys, AfterValidator(_hard_to_guess)] = Field(
        description="The token, a reference or sha256: with its hash; several in a list, while one replaces "
        "another. Sent as Authorization: Bearer …, or typed into the console's log-in page."
    )


class Proxy(Model):
    """A proxy that has asked people who they are, and says so in a header."""

    sources: Annotated[tuple[Source, ...], Listed] = Field(
        min_length=1,
        description="Addresses and networks (CIDR) of the proxy. From anywhere else its headers count for "
        "nothing.",
    )
    user_header: HeaderName = Field(
        default="X-Forwarded-User",
        description="Header with the user's name; the proxy must take away what a client sends under it.",
    )
    role_header: HeaderName | None = Field(
        default=None,
        description="Header with the user's role, viewer or operator; the proxy must take away a client's.",
    )
    operators: Annotated[tuple[Text, ...], Listed] = Field(
        default=(),
        description="Users that are operators, where no header says so; the others are viewers.",
    )

    address_header: HeaderName | None = Field(
        default=None,
        description="Header in which the proxy says where a client is, such as X-Forwarded-For, for the "
        "audit log and for how many tokens an address may try. Of several addresses the right-most that is "
        "not in sources counts. Name only one that the proxy sets or adds to: else clients pick their own "
        "address. Without it all who come through the proxy have its address.",
    )

    @model_validator(mode="after")
    def _one_source_of_roles(self) -> Self:
        if self.role_header is not None and self.operators:
            raise misplaced(
                "role_header and operators both say who is an operator: leave one out", "operators"
            )
        if self.role_header is not None and self.role_header.lower() == self.user_header.lower():
            raise misplaced("user and role need a header each: name another one", "role_header")
        if self.address_header is not None and self.address_header.lower() in (
            self.user_header.lower(),
            (self.role_header or "").lower(),
        ):
            raise misplaced("the address needs a header of its own: name another one", "address_header")
        return self


class OperationsAuth(Model):
    """How those who ask the operations listener prove who they are: by a token, through a proxy, or both."""

    tokens: Annotated[tuple[Token, ...], Listed] = Field(default=(), description="Tokens, one a holder.")
    proxy: Proxy | None = Field(default=None, description="A proxy that logs people in.")
    open_paths: Annotated[tuple[OpenPath, ...], Listed] = Field(
        default=_OPEN, description="What everybody may read who reaches the listener."
    )
    session: Duration = Field(
        default=43200.0, description="How long a log-in to the console holds; a restart ends it, too."
    )

    @model_validator(mode="after")
    def _somebody_may_ask(self) -> Self:
        if not self.tokens and self.proxy is None:
            raise misplaced("nobody could log in: name tokens, a proxy, or both")
        names: set[str] = set()
        digests: set[bytes] = set()
        for index, token in enumerate(self.tokens):
            if token.name in names:
                raise misplaced(
                    f"{token.name} is named twice: give each its own name", "tokens", index, "name"
                )
            for key in token.token:
                if digest_of(key) in digests:
                    raise misplaced("another name has this token already", "tokens", index, "token")
                digests.add(digest_of(key))
            names.add(token.name)
        return self


def objection(address: Address, auth: OperationsAuth | None) -> str | None:
    """What speaks against serving operations at an address, in one line; None when nothing does."""
    if auth is not None or is_loopback(address.host):
        return None
    return (
        f"{address} can be reached from other machines and has no log-in: listen on 127.0.0.1, or say in "
        "operations_auth who may ask"
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return loopback(host.lower())
    return loopback(str(getattr(address, "ipv4_mapped", None) or address))
