# SPDX-License-Identifier: GPL-3.0-or-later
"""carriers.yaml: who may send calls, and how each of them writes numbers, contact ids and tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from agent.core.model.base import Frozen, HeaderName, Listed, Model, Name, Secret, Source, Text

_STRIP = re.compile(r"\+?[0-9]*", re.ASCII)
_PLACES = {"requesturi": "request-uri", "ruri": "request-uri", "to": "to"}


def _strip(value: str) -> str:
    if not value or not _STRIP.fullmatch(value):
        raise ValueError(
            f"{value!r} can't begin a number: write digits, with a + before them if the carrier sends one"
        )
    return value


def _number_from(value: str) -> str:
    # What was meant for a place would be taken for a header that no call has.
    place = _PLACES.get(value.lower().replace("-", "").replace("_", ""))
    if place is not None and value != place:
        raise ValueError(f"{value!r} is not known: did you mean {place!r}?")
    return value


class NumberForm(Model):
    """How the carrier writes numbers."""

    strip: Annotated[tuple[Annotated[str, AfterValidator(_strip)], ...], Listed] = Field(
        default=(),
        description="Prefixes taken off a number; the longest that fits, once. A + goes in any case.",
    )


class Digest(Model):
    """Digest authentication that the carrier must pass (RFC 3261 section 22)."""

    realm: Text = Field(description="Realm of the challenge.")
    username: Text = Field(description="Its user name.")
    password: Secret = Field(description="Its password.")


class Carrier(Model):
    """One carrier, or CXone itself."""

    name: SkipJsonSchema[str] = Field(default="", description="Its key in carriers.yaml; not written again.")
    sources: Annotated[tuple[Source, ...], Listed] = Field(
        min_length=1, description="Addresses and networks (CIDR) its calls come from."
    )
    number_from: Annotated[HeaderName, AfterValidator(_number_from)] = Field(
        default="request-uri",
        description="Where the dialled number stands: request-uri, to, or a header's name.",
    )
    numbers: NumberForm = Field(default=NumberForm(), description="How it writes numbers.")
    contact_id_headers: Annotated[tuple[HeaderName, ...], Listed] = Field(
        default=("X-InContact-ContactId", "X-ContactID", "X-Contact-ID", "X-InContactId"),
        min_length=1,
        description="Headers that may carry the contact id, in this order; upper and lower case are alike.",
    )
    master_id_headers: Annotated[tuple[HeaderName, ...], Listed] = Field(
        default=("X-InContact-MasterId",), description="Headers that may carry the master contact id."
    )
    token_header: HeaderName | None = Field(
        default=None, description="Header with the connector token; without it calls carry none."
    )
    missing_contact_id: Literal["reject", "bridge"] = Field(
        default="reject",
        description="A call without contact id: refuse it (400), or bridge it without signals.",
    )
    duplicate_contact: Literal["allow", "refuse"] = Field(
        default="allow",
        description="A second call while one of the same contact is up: allow it, or refuse it (486).",
    )
    nat: bool = Field(
        default=False,
        description="Its audio comes from behind NAT: from another address than its SDP names, which is "
        "learned once (media.latch).",
    )
    digest: Digest | None = Field(
        default=None, description="Digest authentication asked of the carrier; none when absent."
    )


class Carriers(Model):
    """carriers.yaml."""

    carriers: Annotated[Mapping[Name, Carrier], Frozen] = Field(min_length=1, description="Carriers by name.")
    unknown_source: Literal["drop", "reject"] = Field(
        default="drop", description="A packet from no carrier's source: silence, or 403."
    )

    @model_validator(mode="after")
    def _each_knows_its_name(self) -> Self:
        named = {
            key: carrier if carrier.name == key else carrier.model_copy(update={"name": key})
            for key, carrier in self.carriers.items()
        }
        object.__setattr__(self, "carriers", type(self.carriers)(named))  # type: ignore[call-arg]  # a FrozenDict
        return self
