# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an INVITE is taken, and for which project: checks in a fixed order, each with its reason.

Order: node state and limits, source, soundness, digest, number, token, contact id, media.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from agent.core import digest
from agent.core.headers import Message, user_part
from agent.core.model import Carrier, Project, Snapshot
from agent.core.node import NodeStatus
from agent.core.numbers import NumberRule, normalise
from agent.core.offer import Terms, fault_of
from agent.core.reasons import Reason
from agent.core.soundness import unsound
from agent.core.sources import HEADER, is_proxy
from agent.core.units import ip

_CONTACT_ID_DIGITS_AT_MOST = 19
_FORBIDDEN = 403
_CONTACT_ID_AT_MOST = 2**63 - 1
_LONGEST_CONTACT_ID_SHOWN = 32
_UNQUOTABLE = re.compile(r'[^ -~]|["\\]')  # in a quoted-string of printable ASCII (RFC 3261 section 25.1)


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE that asks for a new call. `source` is the address it came from, without the port."""

    source: str
    message: Message


@dataclass(frozen=True, slots=True)
class Admitted:
    """The INVITE is taken. `contact_id` is empty when the carrier may bridge calls without one."""

    carrier: Carrier
    project: Project
    rule: NumberRule
    number: str
    contact_id: str
    master_id: str
    caller: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The INVITE is refused.

    Attributes:
        reason: why, and with it the SIP code.
        detail: what an operator reads; holds no secret.
        project: the project it would have gone to, where that is known.
        headers: what the answer carries besides.
        status: the SIP code, where the reason has another one than its usual.
    """

    reason: Reason
    detail: str
    project: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 0

    @property
    def code(self) -> int:
        """The SIP code of the answer."""
        return self.status or self.reason.code


@dataclass(frozen=True, slots=True)
class Load:
    """What the node carries now: calls by project, whether a call of a contact is up, and its nonces."""

    node: NodeStatus
    project_calls: Callable[[str], int]
    contact_is_up: Callable[[Project, str], bool]
    now: float
    nonces: digest.Nonces


def admit(invite: Invite, snapshot: Snapshot, load: Load) -> Admitted | Refused:
    """Judge one INVITE."""
    if load.node.refusal is not None:
        return _over(load.node.refusal, load.node.reason, load.node.retry_after)
    proxies = snapshot.agent.sip.trusted_proxies
    nameless = proxies and is_proxy(invite.source, proxies)  # also where it stands in a carrier's network
    carrier = None if nameless else snapshot.carrier_at(invite.source)
    if carrier is None:
        return Refused(Reason.UNKNOWN_SOURCE, _stranger(invite.source, snapshot))
    if (fault := unsound(invite.message)) is not None:
        return Refused(Reason.MALFORMED, fault)
    if carrier.digest is not None and (refusal := _authenticate(invite.message, carrier, load)):
        return refusal
    number = _dialled(invite.message, carrier)
    rule = snapshot.numbers.match(number)
    if rule is None:
        return Refused(Reason.UNKNOWN_NUMBER, f"no rule takes the number; carrier {carrier.name}")
    project = _by_token(invite.message, carrier, [snapshot.projects[name] for name in rule.projects])
    if isinstance(project, Refused):
        return project
    contact = _contact_id(invite.message, carrier, project)
    if isinstance(contact, Refused):
        return contact
    refusal = _project_limits(carrier, project, contact, load)
    if refusal is not None:
        return refusal
    if refusal := _media(invite.message, snapshot, project):
        return refusal
    return Admitted(
        carrier,
        project,
        rule,
        number,
        contact,
        _first_id(invite.message, carrier.master_id_headers),
        user_part(invite.message.first("from")),
    )


def _stranger(source: str, snapshot: Snapshot) -> str:
    if is_proxy(source, snapshot.agent.sip.trusted_proxies):
        return f"the proxy {source} did not say in one {HEADER} where it has the call from"
    return f"{source} is in no carrier's sources"


def _media(message: Message, snapshot: Snapshot, project: Project) -> Refused | None:
    """Media runs on addresses of the first listener's family."""
    media, host = snapshot.agent.media, snapshot.agent.sip.listen[0].host
    fault = fault_of(message.body, _terms(media.codecs, media.srtp, host))
    if fault is None:
        return None
    warning = f'{fault.warning} handoff-agent "{fault.text}"'
    return Refused(fault.reason, fault.text, project.project, (("Warning", warning),))


@lru_cache(maxsize=16)
def _terms(codecs: tuple[str, ...], srtp: Literal["none", "optional", "required"], host: str) -> Terms:
    """What media can do where SIP is listened for at `host`; the same for every call of a configuration."""
    return Terms(codecs, srtp, ip(host).version)


def _over(reason: Reason, detail: str, retry_after: int, project: str = "") -> Refused:
    return Refused(reason, detail, project, (("Retry-After", str(retry_after)),))


def _authenticate(message: Message, carrier: Carrier, load: Load) -> Refused | None:
    rules = carrier.digest
    if rules is None:
        return None
    secret = rules.password.get_secret_value()
    verdict = digest.verify(message, load.nonces, rules.realm, rules.username, secret, now=load.now)
    if verdict is digest.Verdict.GOOD:
        return None
    if verdict in (digest.Verdict.WRONG, digest.Verdict.OTHER_URI):
        # Another challenge would only make it try again (RFC 3261 section 22.1 leaves 403 for this).
        return Refused(Reason.UNAUTHORIZED, f"digest {verdict.value}", status=_FORBIDDEN)
    used_up = verdict in (digest.Verdict.STALE, digest.Verdict.REPLAYED)
    challenge = digest.challenge(load.nonces, rules.realm, load.now, stale=used_up)
    return Refused(Reason.UNAUTHORIZED, f"digest {verdict.value}", headers=(("WWW-Authenticate", challenge),))


def asked_number(invite: Invite, snapshot: Snapshot) -> str:
    """The number that an INVITE asks for, also one of a stranger: then as the Request-URI has it."""
    try:
        carrier = snapshot.carrier_at(invite.source)
    except ValueError:  # no address: nothing more is known of where it came from
        carrier = None
    if carrier is None:
        return normalise(user_part(invite.message.request_uri))
    return _dialled(invite.message, carrier)


def _dialled(message: Message, carrier: Carrier) -> str:
    """The dialled number in our form, from where this carrier puts it."""
    if carrier.number_from == "request-uri":
        raw = user_part(message.request_uri)
    elif carrier.number_from == "to":
        raw = user_part(message.first("to"))
    else:
        value = message.first(carrier.number_from)
        raw = user_part(value) or value
    return normalise(raw, carrier.numbers.strip)


def _by_token(message: Message, carrier: Carrier, projects: list[Project]) -> Project | Refused:
    """The one project of this number whose token the INVITE carries.

    Every candidate is compared, in constant time, so that the time taken tells nothing.
    """
    if len(projects) == 1 and (projects[0].token is None or not carrier.token_header):
        return projects[0]  # nothing to compare: the source and the number decide
    given = message.first(carrier.token_header) if carrier.token_header else ""
    matching = [project for project in projects if _token_fits(project, given)]
    if matching:
        return matching[0]
    what = "is of no project of this number" if given else "is absent"
    where = carrier.token_header or "no header"
    return Refused(Reason.BAD_TOKEN, f"the token in {where} {what}", projects[0].project)


def _token_fits(project: Project, given: str) -> bool:
    if project.token is None:
        return not given
    return hmac.compare_digest(project.token.get_secret_value().encode(), given.encode())


def _contact_id(message: Message, carrier: Carrier, project: Project) -> str | Refused:
    """The contact to signal, from the first header of the carrier's list that is there.

    All values of that header must agree: with two different ones nobody knows whom to signal.
    """
    for name in carrier.contact_id_headers:
        values = message.all(name)
        if not values:
            continue
        value = values[0].strip()
        if len(values) > 1 or not value:
            different = {value.strip() for value in values} - {""}
            if not different:
                continue
            if len(different) > 1:
                return _bad_contact(project, name, f"{name} holds two different contact ids")
            value = different.pop()
        if not is_contact_id(value):
            shown = _UNQUOTABLE.sub("?", value[:_LONGEST_CONTACT_ID_SHOWN])
            return _bad_contact(project, name, f"{name} is not 1 to 19 digits: '{shown}'")
        return value
    if carrier.missing_contact_id == "bridge":
        return ""
    names = ", ".join(carrier.contact_id_headers)
    text = f"contact id missing, looked for in {names}"
    return Refused(
        Reason.MISSING_CONTACT_ID,
        f"{text}; Sipputheader must stand before Placecall in the script",
        project.project,
        (("Warning", f'399 handoff-agent "{text}"'),),
    )


def _bad_contact(project: Project, name: str, text: str) -> Refused:
    warning = f'399 handoff-agent "{text}"'
    return Refused(Reason.BAD_CONTACT_ID, f"{text} ({name})", project.project, (("Warning", warning),))


def is_contact_id(value: str) -> bool:
    """Whether a text is a contact id: 1 to 19 ASCII digits within a signed 64-bit integer."""
    return (
        value.isascii()
        and value.isdigit()
        and len(value) <= _CONTACT_ID_DIGITS_AT_MOST
        and int(value) <= _CONTACT_ID_AT_MOST
    )


def _first_id(message: Message, names: Sequence[str]) -> str:
    for name in names:
        for value in message.all(name):
            if is_contact_id(stripped := value.strip()):
                return stripped
    return ""


def _project_limits(carrier: Carrier, project: Project, contact_id: str, load: Load) -> Refused | None:
    limit = project.limits.calls
    if limit is not None and load.project_calls(project.project) >= limit:
        return _over(Reason.OVER_LIMIT, f"the project's {limit} calls are up", 2, project.project)
    if carrier.duplicate_contact == "refuse" and contact_id and load.contact_is_up(project, contact_id):
        return Refused(Reason.DUPLICATE_CONTACT, "a call of this contact is up", project.project)
    return None
