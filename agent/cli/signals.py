# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent signals``: the outbox: what is in it, what came of it, and an operator's decisions.

Signals, and what is delivered the same durable way: webhooks and transcripts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from agent.cli import outbox
from agent.cli.configuration import DONE, FOUND_WRONG, read_or_explain
from agent.cli.operations import NotRunningError, Operations, RefusedError, operator
from agent.cli.options import EXIT_CODES, Commands, Needed, add_command, add_json, add_where, add_why
from agent.cli.storage import in_use, sqlite_path
from agent.cli.where import Where
from agent.cli.wording import at_least_one, cut, moment, printable, since, table
from agent.core.errors import AgentError
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Channel
from agent.core.verdict import telling
from agent.delivery.queries import SignalQuery

if TYPE_CHECKING:
    from agent.core.records import Signal
    from agent.delivery.store import Store

_EXAMPLE = f"""examples:
  handoff-agent signals list --contact 4512       did contact 4512 get its signal, when, what did NICE say
  handoff-agent signals list --state refused --since 2h --project acme-care
  handoff-agent signals list --channel webhook --state expired
  handoff-agent signals show s-0123456789abcdef
  handoff-agent signals retry s-0123456789abcdef
  handoff-agent signals discard s-0123456789abcdef

{EXIT_CODES}
list exits with 1 when a contact or call has no signal, retry and discard when the state does not allow it"""
_SENTENCES_AT_MOST = 8


def add(subparsers: Commands) -> None:
    """Add the command and its verbs to the parser of ``handoff-agent``."""
    parser = _parser(
        subparsers, "signals", "signals, webhooks, transcripts: what came of them; retry and discard"
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_list(verbs)
    show = _parser(verbs, "show", "the whole story of one signal, attempt by attempt")
    show.add_argument("id", action=Needed, metavar="ID", help="of the signal")
    show.add_argument(
        "--values",
        action="store_true",
        help="print the values of p1..p9, or the body, not lengths only",
    )
    show.set_defaults(run=_guarded(_show))
    retry = _parser(verbs, "retry", "send a settled one again that was not accepted")
    retry.add_argument("id", action=Needed, metavar="ID", help="of the signal")
    retry.add_argument(
        "--yes", action="store_true", help="send it even if that may restart the script on the caller"
    )
    retry.set_defaults(run=_guarded(_retry))
    discard = _parser(verbs, "discard", "cancel one that is recorded and not sent yet")
    discard.add_argument("id", action=Needed, metavar="ID", help="of the signal")
    discard.set_defaults(run=_guarded(_discard))
    for verb in (retry, discard):
        add_why(verb)
    for verb in (show, retry, discard):
        add_where(verb)
        add_json(verb)


def _add_list(verbs: Commands) -> None:
    parser = _parser(verbs, "list", "signals, webhooks and transcripts, newest first")
    parser.add_argument(
        "--contact",
        action=Needed,
        metavar="ID",
        default="",
        help="of this contact; a sentence for each signal comes first",
    )
    parser.add_argument("--call", action=Needed, metavar="ID", default="", help="of this call")
    parser.add_argument("--project", action=Needed, metavar="P", default="", help="of this project")
    parser.add_argument("--state", choices=[state.value for state in SignalState], help="in this state")
    parser.add_argument("--channel", choices=[one.value for one in Channel], help="only of this channel")
    parser.add_argument("--moment", choices=[one.value for one in Moment], help="of this moment")
    parser.add_argument(
        "--since",
        type=since,
        metavar="TIME",
        help="recorded since: 30m, 2h, 3d ago, or 2031-05-04T03:00 (UTC)",
    )
    parser.add_argument("--limit", type=at_least_one, default=50, metavar="N", help="at most (default 50)")
    add_where(parser)
    add_json(parser)
    parser.set_defaults(run=_guarded(_list))


def _parser(subparsers: Commands, name: str, text: str) -> argparse.ArgumentParser:
    return add_command(
        subparsers, name, summary=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EXAMPLE
    )


def _guarded(
    verb: Callable[[argparse.Namespace, Where], int],
) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        return verb(options, Where.asked(options))

    return run


# -- looking -------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace, where: Where) -> int:
    wanted = SignalQuery(
        call_id=options.call,
        contact_id=options.contact,
        project=options.project,
        state=options.state and SignalState(options.state),
        moment=options.moment and Moment(options.moment),
        since=options.since,
        limit=options.limit,
        channel=options.channel and Channel(options.channel),
    )
    found = outbox.find(where, wanted)
    if options.json:
        print(json.dumps({"signals": found}))
    else:
        for line in _in_text(options, found):
            print(line)
    return FOUND_WRONG if not found and (options.contact or options.call) else DONE


def _in_text(options: argparse.Namespace, found: list[dict[str, Any]]) -> Iterator[str]:
    if not found:
        whose = f" of contact {options.contact}" if options.contact else ""
        whose += f" of call {options.call}" if options.call else ""
        yield printable(f"no recorded signal{whose} matches")
        if options.contact:
            yield f"handoff-agent calls --contact {printable(options.contact)} tells whether there was a call"
        return
    if options.contact or options.call:
        for signal in found[:_SENTENCES_AT_MOST]:
            told = telling.verdict(signal, time.time())
            yield f"contact {signal['contact_id']}, call {signal['call_id']}: {told}"
        if len(found) > _SENTENCES_AT_MOST:
            yield f"and {len(found) - _SENTENCES_AT_MOST} older ones, below"
        yield ""
    yield from table(
        ("RECORDED (UTC)", "SIGNAL", "CONTACT", "PROJECT", "WHAT", "STATE", "TRIES", "ANSWER"),
        [
            (
                moment(signal["recorded"]),
                signal["signal_id"],
                signal["contact_id"],
                cut(signal["project"], 16),
                telling.what(signal),
                signal["state"],
                str(len(telling.tries(signal))),
                telling.last_said(signal),
            )
            for signal in found
        ],
    )
    if len(found) == options.limit:
        yield f"the newest {options.limit}; there may be more (--limit)"


def _show(options: argparse.Namespace, where: Where) -> int:
    signal = outbox.one(where, options.id, values=options.values)
    if options.json:
        print(json.dumps(signal))
        return DONE
    print(printable(f"contact {signal['contact_id']}: {telling.verdict(signal, time.time())}"))
    print()
    for name in ("signal_id", "channel", "call_id", "account", "project", "contact_id", "moment", "state"):
        print(f"  {name:<11} {printable(str(signal.get(name, '-')))}")
    for name, parameter in signal["parameters"].items():
        count = f"{parameter['length']} character{'' if parameter['length'] == 1 else 's'}"
        value = f": {printable(parameter['value'])}" if "value" in parameter else ""
        print(f"  {name:<11} {count}{value}")
    print(f"\nWhat happened, on {moment(signal['recorded'])[:10]} (UTC)")
    for line in telling.story(signal):
        print(line)
    return DONE


# -- deciding ------------------------------------------------------------------------------------------------


def _retry(options: argparse.Namespace, where: Where) -> int:
    from agent.delivery import decisions  # noqa: PLC0415 - other commands need no delivery

    def project_of(account: str, name: str) -> Project | None:
        snapshot = read_or_explain(options.config)  # only the agent, when one runs, needs no configuration
        if snapshot is None:
            raise AgentError("no agent runs, and how long a signal is worth sending stands in its project")
        project = snapshot.projects.get(name)
        return project if project is not None and project.account == account else None

    async def directly(store: Store) -> Signal:
        return await decisions.retry(
            store,
            options.id,
            by=_signed(options),
            confirmed=options.yes,
            project_of=project_of,
            now=time.time(),
        )

    def told(signal: dict[str, Any], *, running: bool) -> str:
        name = f"{telling.name(signal)} {signal['signal_id']} of contact {signal['contact_id']}"
        until = f"until {moment(signal['expires'])} UTC"
        if running:
            return f"{name} goes out again, {until}; handoff-agent signals show {signal['signal_id']}"
        when = "when the agent starts" if sqlite_path(where) else "when an agent of this database sees it"
        return f"{name} is recorded again: it goes out {when}, if that is before {until[6:]}"

    return _decide(options, where, "retry", directly, told)


def _discard(options: argparse.Namespace, where: Where) -> int:
    from agent.delivery import decisions  # noqa: PLC0415 - other commands need no delivery

    async def directly(store: Store) -> Signal:
        return await decisions.discard(store, options.id, by=_signed(options), now=time.time())

    def told(signal: dict[str, Any], *, running: bool) -> str:
        _ = running
        return f"{telling.name(signal)} of contact {signal['contact_id']} is cancelled: it is not sent"

    return _decide(options, where, "discard", directly, told)


def _decide(
    options: argparse.Namespace,
    where: Where,
    verb: str,
    directly: Callable[[Store], Coroutine[Any, Any, Signal]],
    told: Callable[..., str],
) -> int:
    """Let the running agent carry a decision out, or do it on the storage when none runs."""
    from agent.delivery.decisions import DecisionRefusedError  # noqa: PLC0415 - as above
    from agent.delivery.listing import listing  # noqa: PLC0415 - as above

    running = True
    node = Operations.of(where)
    body = {"by": operator(), "why": options.why, "confirmed": bool(getattr(options, "yes", False))}
    try:
        try:
            signal = node.ask("POST", "signals", options.id, verb, body=body)
        except NotRunningError:
            if in_use(where):
                raise AgentError(
                    f"an agent uses the storage, but none listens on {node.url}: is {options.config} the "
                    "configuration that it runs with?"
                ) from None
            running = False
            signal = listing(asyncio.run(outbox.with_store(where, directly)))
    except (RefusedError, DecisionRefusedError) as error:
        return _explain(options, error, error.refusal)
    print(json.dumps(signal) if options.json else printable(told(signal, running=running)))
    return DONE


def _signed(options: argparse.Namespace) -> str:
    """Who decides and why, as the record of a signal keeps it."""
    return f"{operator()}: {options.why}" if options.why else operator()


def _explain(options: argparse.Namespace, error: AgentError, refusal: str) -> int:
    if refusal not in ("conflict", "unconfirmed"):
        raise error
    hint = "; use --yes if that is wanted" if refusal == "unconfirmed" else ""
    if options.json:
        print(json.dumps({"error_message": str(error), "refusal": refusal}))
    else:
        print(f"not done: {printable(str(error))}{hint}")
    return FOUND_WRONG
