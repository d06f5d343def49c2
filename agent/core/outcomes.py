# SPDX-License-Identifier: GPL-3.0-or-later
"""What may become of one try to signal a contact, or to post to somebody: a row per outcome. Pure data.

A row is all that the agent knows of an answer of NICE: which HTTP statuses mean it, whether the request may
be repeated, what it says of the tenant's API and of the token, and what operators are told.
`agent.core.retries` decides by it, `agent.cxone` counts by it, `agent.cli` tells by it. The simulated NICE
can give each of them (`agent.simulators.cxone.answers`); a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Self

from agent.core.advice import NO_ADVICE, Advice
from agent.core.words import Word


class Repeat(Enum):
    """Whether a request may be repeated."""

    NEVER = auto()
    """It was taken, or it would be refused again."""
    ALWAYS = auto()
    """It surely had no effect, and a later try may go well."""
    BY_POLICY = auto()
    """It may have had its effect: only where the project's policy allows it."""


class TokenVerdict(Enum):
    """What an answer says of the token that the request had."""

    NOTHING = auto()
    GOOD = auto()
    """The credential is fine."""
    REFUSED = auto()
    """A fresh one is fetched at once; if that is refused as well, the credential is not used for a while."""
    OUTDATED = auto()
    """It may be from before a permission was given: worth a fresh one when it is old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What an outcome means.

    Attributes:
        told: the sentence for operators.
        told_of_webhook: the same where a customer's system said so; as ``told`` when empty.
        statuses: of HTTP, where NICE plainly means it by them.
        families: hundreds of statuses, such as 4 for 4xx; for those that no row names.
        repeat: whether the request may be repeated.
        retry_server_faults: statuses after which the policy of that name allows it.
        least_pause: seconds before it is repeated, whatever the draw.
        failed: for the circuit breaker: True for a fault of the service; False when it served; None when it
            says nothing of its health.
        token: what it says of the token.
        advice: likely cause and what to do, for ``doctor``.
    """

    told: str
    told_of_webhook: str = ""
    statuses: Collection[int] = ()
    families: Collection[int] = ()
    repeat: Repeat = Repeat.NEVER
    retry_server_faults: Collection[int] = ()
    least_pause: float = 0.05
    failed: bool | None = None
    token: TokenVerdict = TokenVerdict.NOTHING
    advice: Advice = NO_ADVICE


class Outcome(Word):
    """What became of one try. The value stands in metrics, records and logs."""

    meaning: Meaning

    def __new__(cls, value: str, meaning: Meaning) -> Self:
        """A row."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    ACCEPTED = (  # Not a proof that the script's Onsignal ran.
        "accepted",
        Meaning(
            told="NICE took it in",
            told_of_webhook="the customer's system acknowledged it",
            families=(2,),
            failed=False,
            token=TokenVerdict.GOOD,
        ),
    )
    UNKNOWN_CONTACT = (  # No fault of the service.
        "unknown_contact",
        Meaning(
            told="NICE knows no such contact, or it has ended",
            statuses=(404,),
            token=TokenVerdict.GOOD,
            advice=Advice(
                "the contact has ended, or this is the master contact id and not the spawned one",
                "take a contact that waits in its script now, by the id that the script's ContactId has",
            ),
        ),
    )
    BAD_REQUEST = (  # 400, 405, 414 and whatever else of 4xx.
        "bad_request",
        Meaning(
            told="NICE will never take this request",
            told_of_webhook="the customer's system will never take this request",
            families=(4,),
            advice=Advice(
                "the contact id is none, or this API version or place of the parameters is not served",
                "check the id; try cxone.parameters: query, or another cxone.api_version",
            ),
        ),
    )
    UNAUTHORIZED = (  # With a fresh token too.
        "unauthorized",
        Meaning(
            told="the token was refused, a fresh one too",
            statuses=(401,),
            repeat=Repeat.ALWAYS,
            least_pause=2.0,  # no storm of token requests
            token=TokenVerdict.REFUSED,
            advice=Advice(
                "the API refuses tokens of this issuer: the access key is of another region or tenant",
                "check cxone.issuer against the tenant's region",
            ),
        ),
    )
    FORBIDDEN = (
        "forbidden",
        Meaning(
            told="the application or the access key's employee lacks the permission",
            told_of_webhook="the configuration has no webhook for it any more",
            statuses=(403,),
            token=TokenVerdict.OUTDATED,
            advice=Advice(
                "the role of the access key's employee lacks the permission, "
                "or the application lacks AdminAPI",
                "give the employee a role with it; ask NICE which API types the application was approved for",
            ),
        ),
    )
    THROTTLED = (
        "throttled",
        Meaning(
            told="NICE asked to slow down",
            told_of_webhook="the customer's system asked to slow down",
            statuses=(429,),
            repeat=Repeat.ALWAYS,
            failed=True,
            advice=Advice(
                "too many requests of this tenant", "wait as long as it asks; see who else uses the API"
            ),
        ),
    )
    UNAVAILABLE = (
        "unavailable",
        Meaning(
            told="NICE was overloaded",
            told_of_webhook="the customer's system can't take it now",
            statuses=(503,),
            repeat=Repeat.ALWAYS,
            failed=True,
            advice=Advice("NICE is overloaded or under maintenance", "try again; see NICE's status page"),
        ),
    )
    SERVER_FAULT = (  # 421, 5xx, a redirect, or a web page instead of an answer.
        "server_fault",
        Meaning(
            told="NICE failed; it may have taken effect all the same",
            told_of_webhook="the customer's system failed",
            statuses=(421,),
            families=(1, 3, 5),
            repeat=Repeat.BY_POLICY,
            retry_server_faults=(500, 502, 504),
            failed=True,
            advice=Advice(
                "a fault or a gateway at NICE; the signal may have taken effect",
                "look at the contact before another try; see NICE's status page",
            ),
        ),
    )
    NOT_SENT = (  # Surely no byte of the request left: no connection, no token, no discovery.
        "not_sent",
        Meaning(
            told="nothing was sent",
            repeat=Repeat.ALWAYS,
            failed=True,
            advice=Advice("the way to the API is cut", "let this machine reach the API's host on 443"),
        ),
    )
    UNCERTAIN = (  # Time-out or reset after bytes may have left.
        "uncertain",
        Meaning(
            told="sent, and no answer came: it may have taken effect",
            told_of_webhook="sent, and no answer came",
            repeat=Repeat.BY_POLICY,
            failed=True,
            advice=Advice(
                "no answer came; the signal may have taken effect", "look at the contact before another try"
            ),
        ),
    )
    BREAKER_OPEN = (  # Not tried.
        "breaker_open",
        Meaning(told="not tried: the tenant's API failed too often just before", repeat=Repeat.ALWAYS),
    )


OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
"""By value: a record may come from another version of the agent and hold one that is unknown here."""
IN_DOUBT: Final = frozenset(outcome for outcome in Outcome if outcome.meaning.repeat is Repeat.BY_POLICY)
"""The request may have had its effect though the answer says otherwise, or none came."""
_BY_STATUS: Final = {status: outcome for outcome in Outcome for status in outcome.meaning.statuses}
_BY_FAMILY: Final = {family: outcome for outcome in Outcome for family in outcome.meaning.families}


def of_status(status: int) -> Outcome:
    """The outcome that a status of NICE's plainly means."""
    return _BY_STATUS.get(status) or _BY_FAMILY.get(status // 100, Outcome.SERVER_FAULT)


@dataclass(frozen=True, slots=True)
class Answer:
    """One try's outcome.

    ``status`` is the HTTP status when there was one, ``detail`` NICE's ``icStatusDescription`` or a line of
    ours (never a secret, a token or a parameter's value), ``retry_after`` seconds from now when the other
    side, or our own back-off, asked for a pause.
    """

    outcome: Outcome
    status: int | None
    detail: str
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether NICE took the signal in."""
        return self.outcome is Outcome.ACCEPTED

    @property
    def may_retry(self) -> bool:
        """Whether the signal surely took no effect and a later try may go well."""
        return self.outcome.meaning.repeat is Repeat.ALWAYS
