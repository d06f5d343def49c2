# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``handoff-agent load``, and what they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from agent.core.errors import AgentError
from agent.core.units import host_and_port, seconds
from agent.load.limits import limits_of
from agent.load.plan import Wishes, parse_bounds, planned
from agent.load.profiles import Profile
from agent.settings.references import References

if TYPE_CHECKING:
    from agent.load.undertaking import Order

_SIP: Final = 5060
_STEP: Final = "15s"
_PROFILES_BOUNDS: Final = ""


def add_arguments(parser: argparse.ArgumentParser, profile: Profile) -> None:
    """Say which options a profile takes."""
    _how_much(parser, profile)
    _whom(parser)
    _what_is_seen(parser)
    parser.add_argument(
        "--scenario", type=Path, metavar="FILE", required=profile.name == "own",
        help="your own SIPp scenario of the caller; keys [number], [token], [contact_prefix], [rtp_port]",
    )  # fmt: skip


def _how_much(parser: argparse.ArgumentParser, profile: Profile) -> None:
    add = parser.add_argument_group("how much").add_argument
    add("--rate", type=_number, metavar="N", help=f"calls begun a second (default {profile.rate:g})")
    add("--ramp", metavar="A..B/T", help="a rate that rises or falls, such as 50..300/30s")
    add(
        "--search", nargs="?", const=_PROFILES_BOUNDS, metavar="LOW..HIGH",
        help="find the highest rate within all limits "
        f"(default bounds {profile.search[0]:g}..{profile.search[1]:g})",
    )  # fmt: skip
    add("--step", type=_duration, default=_STEP, metavar="T", help="length of a search's step (default 15s)")
    add(
        "--for", dest="length", type=_duration, metavar="T",
        help=f"how long calls are begun (default {profile.length:g}s)",
    )  # fmt: skip
    add("--hold", type=_duration, metavar="T", help=f"how long each lasts (default {profile.hold:g}s)")
    add("--calls", type=_count, metavar="N", help="no more calls than this")
    add("--at-once", type=_count, metavar="N", help="begin none while so many are up")


def _whom(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("whom").add_argument
    add("--target", metavar="HOST:PORT", help="load this one; nothing is started but SIPp")
    add(
        "--i-own", action="append", default=[], metavar="HOST",
        help="this host is yours to load, though it is not this machine; may be given again",
    )  # fmt: skip
    add("--number", help="what is dialled at a target")
    add("--token", default="", metavar="REF", help="connector token: ${env:NAME} or ${file:/path}")
    add("--transport", choices=("udp", "tcp"), default="udp", help="of SIP (default udp)")
    add("--answer-at", metavar="HOST:PORT", help="SIPp is the voice agent there, which the target dials")


def _what_is_seen(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("what is seen").add_argument
    add(
        "--limit", action="append", default=[], metavar="NAME=VALUE",
        help="judge by this, such as failures=0.1%% or setup_p99=50ms; =off drops one; may be given again",
    )  # fmt: skip
    add("--metrics", metavar="URL", help="the target's metrics, such as http://127.0.0.1:8081/metrics")
    add(
        "--cpu-of", action="append", default=[], metavar="PID|NAME",
        help="show the CPU of this process; may be given again",
    )  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="where the report goes (default: load-reports/PROFILE-TIME)")
    add("--plain", action="store_true", help="lines instead of a table, as without a terminal")


def ordered(options: argparse.Namespace, environment: Mapping[str, str]) -> Order:
    """What the options ask for.

    Raises:
        AgentError: two of them do not go together, or one makes no sense.
    """
    from agent.load.undertaking import Order  # noqa: PLC0415 - other commands need no HTTP client

    profile: Profile = options.profile
    bounds = None
    if options.search is not None:
        if options.rate is not None or options.ramp is not None:
            raise AgentError("--search finds the rate: leave --rate and --ramp out")
        bounds = parse_bounds(options.search) if options.search else profile.search
    wishes = Wishes(
        rate=options.rate if bounds is None else bounds[0],
        ramp=options.ramp,
        length=options.length,
        hold=options.hold,
        at_once=options.at_once,
        calls=options.calls,
        highest=bounds[1] if bounds else None,
    )
    _alone(options)
    scenario = options.scenario
    if scenario is not None and not scenario.is_file():
        raise AgentError(f"--scenario {scenario}: there is no such file")
    return Order(
        plan=planned(profile, wishes),
        limits=limits_of(profile.limits, options.limit),
        target=options.target,
        transport=options.transport,
        owned=frozenset(one.strip("[]").lower() for one in options.i_own),
        number=options.number or "",
        token=_secret(options.token, environment),
        answers_at=_place(options.answer_at),
        metrics=_url(options.metrics),
        cpu_of=tuple(options.cpu_of),
        scenario=scenario.absolute() if scenario is not None else None,
        bounds=bounds,
        step=options.step,
    )


def _alone(options: argparse.Namespace) -> None:
    """Without a target there is nobody whom what belongs to one could be meant for."""
    if options.target is None:
        for name in ("i_own", "number", "token", "answer_at", "metrics"):
            if getattr(options, name):
                option = name.replace("_", "-")
                raise AgentError(f"--{option} belongs to --target HOST:PORT, which is missing")
        if options.transport != "udp":
            raise AgentError("--transport tcp belongs to --target HOST:PORT, which is missing")
    elif not options.number:
        raise AgentError("--target needs --number: what is dialled there")


def _secret(text: str, environment: Mapping[str, str]) -> str:
    try:
        value = References(Path.cwd(), environment).resolve(text)
    except ValueError as error:
        raise AgentError(f"--token: {error}") from None
    if text and value == text:
        raise AgentError("--token is never written out: use '${env:NAME}' or '${file:/path}'")
    return value


def _place(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    try:
        host, port = host_and_port(text)
    except ValueError as error:
        raise AgentError(f"--answer-at {text}: {error}") from None
    return host, port or _SIP


def _url(text: str | None) -> str | None:
    if text is None:
        return None
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise AgentError(f"--metrics {text} is no URL: write http://127.0.0.1:8081/metrics")
    return text if url.path not in ("", "/") else f"{text.rstrip('/')}/metrics"


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
