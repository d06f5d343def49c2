# SPDX-License-Identifier: GPL-3.0-or-later
"""Refused INVITEs, in a table and in a paragraph: when, from where, which number, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from agent.cli.wording import cut, moment, printable, table
from agent.core.reasons import Reason

Json: TypeAlias = Mapping[str, Any]

_TO_DO: Final = {
    Reason.UNKNOWN_SOURCE: "if it is a carrier of yours, add the address to its sources in carriers.yaml",
    Reason.UNAUTHORIZED: "compare user name and password of the carrier's digest with those of the peer, and "
    "its clock with ours; a proxy in between must leave the Request-URI as it is",
    Reason.UNKNOWN_NUMBER: "`handoff-agent route {number}` names the rules near it; add the number to a map",
    Reason.BAD_TOKEN: "the token that the script sends must be that of the number's project; try "
    "`handoff-agent route {number} --token T`",
    Reason.MISSING_CONTACT_ID: "in the script, Sipputheader must stand before Placecall",
    Reason.BAD_CONTACT_ID: "look in the script at what Sipputheader writes as contact id: 1 to 19 digits",
    Reason.DUPLICATE_CONTACT: "end the other call of the contact, or let the carrier have several "
    "(duplicate_contact)",
    Reason.OVER_LIMIT: "if that is too few, raise limits.calls or limits.calls_per_second, or add a node",
    Reason.DRAINING: "the node was told to take no new calls; `DELETE /drain` takes them again",
    Reason.NOT_READY: "`/readyz` says why the node takes no calls",
    Reason.NO_CODEC: "compare media.codecs with the offer",
    Reason.BAD_OFFER: "compare media.srtp and the family of the first of sip.listen with the offer",
    Reason.MALFORMED: "the message is no sound SIP: its sender must mend it",
    Reason.TOO_MANY_HOPS: "a loop: a proxy sends the call round and round",
    Reason.INTERNAL: "a mistake of the agent: its log has more, look for `an internal error was contained`",
}
_REASONS: Final = {reason.value: reason for reason in Reason}
_COLUMNS: Final[Mapping[str, Callable[[Json], str]]] = {
    "WHEN (UTC)": lambda one: moment(one["when"]),
    "CALL": lambda one: one["call_id"],
    "SOURCE": lambda one: one["source"] or "-",
    "NUMBER": lambda one: cut(one["number"], 20) or "-",
    "PROJECT": lambda one: cut(one["project"], 16) or "-",
    "GOT": lambda one: str(one["code"]),
    "WHY": lambda one: f"{one['reason']}: {one['detail']}",
}


def found(refused: Iterable[Json], wanted: str) -> Json | None:
    """The newest that has this call id or SIP Call-ID, of a list whose newest is first."""
    ids = (wanted, wanted[:256])  # a longer one is kept cut
    return next((one for one in refused if one["call_id"] in ids or one["sip_call_id"] in ids), None)


def paragraph(one: Json) -> str:
    """All of one refusal."""
    reason = _REASONS.get(one["reason"])
    what = reason.text if reason is not None else one["reason"]
    number = f"for number {one['number']}" if one["number"] else "without a number"
    of = f" of project {one['project']}" if one["project"] else ""
    to_do = _TO_DO.get(reason, "") if reason is not None else ""
    text = (
        f"The INVITE was REFUSED at {moment(one['when'])} UTC: it came from {one['source'] or 'nowhere'} "
        f"{number}{of}, and got {one['code']}. Why: {what} ({one['detail']})."
    )
    if to_do:
        text += f" What to do: {to_do.format(number=one['number'] or 'NUMBER')}."
    return printable(text)


def ids(one: Json) -> str:
    """By which it is found."""
    return printable(f"call {one['call_id']}  SIP Call-ID {one['sip_call_id']}  reason {one['reason']}")


def rows(refused: Sequence[Json]) -> Iterator[str]:
    """The table."""
    if not refused:
        yield "no refused INVITE matches"
        return
    yield from table(tuple(_COLUMNS), [[cell(one) for cell in _COLUMNS.values()] for one in refused])
