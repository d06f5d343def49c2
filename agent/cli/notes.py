# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no mistake in a configuration and yet seldom meant: the notes of ``handoff-agent check``."""

from __future__ import annotations

import re
import stat
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from agent.core.methods import Method
from agent.core.model import LABEL_PREFIX, Project, Snapshot, Target, parse_template
from agent.core.model.keys import easy_to_guess
from agent.core.units import SIP_PORTS, PortRange, is_ip
from agent.settings.document import content
from agent.settings.lost_zeros import lost_zeros
from agent.telemetry.exporter import MISSING, installed

_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FILE_REFERENCE: Final = re.compile(r"\$\{file:([^{}]+)\}")
_LIKE_OURS: Final = (".yaml", ".yml", ".json", ".csv")
_READ: Final = ("agent.yaml", "carriers.yaml", "projects/*.yaml", "numbers/*.yaml", "numbers/*.csv")
_FOLDERS: Final = ("projects", "numbers")
_DEEPEST: Final = 3
_REASONABLE: Final[dict[str, float]] = {
    "voice_agent.response_timeout": 30,
    "cxone.timeout": 60,
    "signal_ttl": 3600,
    "handoff.deadline": 15,
    "handoff.wait_for_bye": 60,
    "handoff.transfer_timeout": 300,
    "handoff.finish_prompt.at_most": 60,
    "webhook.timeout": 60,
}
"""Seconds of a project's fields; what is longer keeps a caller or a script waiting for no good."""
_REASONABLE_OF_NODE: Final[dict[str, float]] = {"limits.ring": 180, "limits.duration": 86_400}


def notes(folder: Path, snapshot: Snapshot) -> Iterator[str]:
    """All notes, one line each.

    Args:
        folder: the configuration.
        snapshot: what it says; it has no mistakes.
    """
    yield from _unheard_tokens(snapshot)
    yield from _weak_keys(snapshot)
    yield from _shared_ports(snapshot)
    yield from _open_operations(snapshot)
    yield from _everywhere(snapshot)
    yield from _rules(snapshot)
    for project in snapshot.projects.values():
        yield from _targets(snapshot, project)
        yield from _no_way_there(snapshot, project)
        yield from _without_effect(snapshot, project)
        yield from _same_headers(project)
        yield from _too_long(f"project {project.project}", project, _REASONABLE)
        tenant = project.cxone
        if tenant is not None and not (tenant.business_unit.isascii() and tenant.business_unit.isdigit()):
            unit = tenant.business_unit
            yield f"project {project.project}: business_unit {unit!r} is no number, as NICE's are"
    yield from _too_long("agent.yaml", snapshot.agent, _REASONABLE_OF_NODE)
    yield from _untraced(snapshot)
    yield from _not_read(folder)
    yield from _open_secrets(folder, snapshot)


def _unheard_tokens(snapshot: Snapshot) -> Iterator[str]:
    """Carriers whose calls may reach a project with a token without carrying one."""
    if all(project.token is None for project in snapshot.projects.values()):
        return
    for carrier in snapshot.carriers.values():
        if not carrier.token_header:
            yield (
                f"carrier {carrier.name} has no token_header: where a number has one project, its calls are "
                "taken by source and number alone, whatever that project's token"
            )


def _untraced(snapshot: Snapshot) -> Iterator[str]:
    """What looks closer at calls and can't, or names projects that there are not."""
    agent = snapshot.agent
    if agent.traces is not None and not installed():
        yield f"traces: {MISSING}"
    for name in agent.hep.projects if agent.hep is not None else ():
        if name not in snapshot.projects:
            yield f"hep.projects names {name}, which is no project here"


def _weak_keys(snapshot: Snapshot) -> Iterator[str]:
    """Projects whose API key is easy to guess."""
    for project in snapshot.projects.values():
        if any(map(easy_to_guess, project.api_key)):
            name = project.project
            yield f"project {name} has an api_key that is easy to guess: take 12 random characters or more"


def _shared_ports(snapshot: Snapshot) -> Iterator[str]:
    """RTP ports that this machine's kernel also uses for outgoing connections."""
    try:
        low, high = map(int, _EPHEMERAL.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return
    ports = snapshot.agent.media.rtp_ports
    shared = PortRange(max(ports.low, low), min(ports.high, high))
    if shared.count > 0:
        yield (
            f"media.rtp_ports {ports} shares {shared} with the kernel's own ports "
            f"(net.ipv4.ip_local_port_range {low}-{high}): a port may be taken now and then; move one, or "
            "set net.ipv4.ip_local_reserved_ports"
        )


def _open_operations(snapshot: Snapshot) -> Iterator[str]:
    address = snapshot.agent.http.operations
    try:
        parsed = ip_address(address.host)
    except ValueError:
        return
    if parsed.is_unspecified or parsed.is_global:
        yield (
            f"http.operations listens on {address}, where others than this site may reach it, in plain HTTP: "
            "tokens could be overheard; listen on an inside address, behind a proxy that speaks TLS"
        )


def _everywhere(snapshot: Snapshot) -> Iterator[str]:
    for carrier in snapshot.carriers.values():
        for source in carrier.sources:
            if source.prefixlen == 0:
                yield f"carrier {carrier.name} takes calls from everywhere ({source}): name its addresses"


def _rules(snapshot: Snapshot) -> Iterator[str]:
    """Of the number map: what takes all numbers, and labels that templates ask for and no rule sets."""
    if len(snapshot.numbers) == 0:
        yield "no number leads to a project: every call is refused (numbers/*.yaml)"
        return
    set_by_rules: defaultdict[str, set[str]] = defaultdict(set)
    for rule in snapshot.numbers:
        for project in rule.projects:
            set_by_rules[project].update(rule.labels)
        if rule.pattern.lstrip("+") == "*":
            yield f"{rule.place}: * takes every number that no other rule takes, wrong ones too"
    if any(file.endswith(".csv") for file in snapshot.numbers.layout.files):
        yield from lost_zeros(snapshot.numbers)
    for project, settings in snapshot.projects.items():
        for label in sorted(_labels(settings) - set_by_rules[project]):
            yield f"project {project}: {{label.{label}}} is always empty, no rule that leads there sets it"


def _labels(project: Project) -> set[str]:
    templates = [
        *project.voice_agent.headers.values(),
        *project.handoff.transfer_headers.values(),
        *project.answer_headers.values(),
        *(text for parameters in project.signals.values() for text in parameters.values()),
    ]
    names = {name for text in templates for _, name in parse_template(text) if name is not None}
    return {name.removeprefix(LABEL_PREFIX) for name in names if name.startswith(LABEL_PREFIX)}


def _targets(snapshot: Snapshot, project: Project) -> Iterator[str]:
    ours = snapshot.agent.sip
    for what, targets in (
        ("voice_agent", project.voice_agent.targets),
        ("handoff", project.handoff.all_targets),
    ):
        whose = f"project {project.project}: {what}"
        seen: set[tuple[str, ...]] = set()
        for target in targets:
            where = _where(target)
            if where in seen:
                yield f"{whose} has {target.uri} twice: that is no other one to fail over to"
            seen.add(where)
            if any(
                (listener.transport, str(listener.port)) == where[2:]
                and where[1] in _hosts(listener.host, ours.public_address)
                for listener in ours.listen
            ):
                yield f"{whose} target {target.uri} is this agent itself"


def _no_way_there(snapshot: Snapshot, project: Project) -> Iterator[str]:
    """Targets that no listener could call: a call leaves by one of its transport and address family."""
    listeners = snapshot.agent.sip.listen
    dialled = [("voice_agent", target) for target in project.voice_agent.targets]
    if project.handoff.method is Method.BRIDGE:
        dialled += [("handoff", target) for target in project.handoff.all_targets]
    for what, target in dialled:
        address = target.address
        of_transport = [listener for listener in listeners if listener.transport == address.transport]
        whose = f"project {project.project}: {what} target {target.uri} can't be called"
        if not of_transport:
            yield f"{whose}: sip.listen has no {address.transport}:// listener"
        elif is_ip(address.host) and all(
            (":" in address.host) is not (":" in listener.host) for listener in of_transport
        ):
            family = 6 if ":" in address.host else 4
            yield f"{whose}: sip.listen has no {address.transport}:// listener on IPv{family}"


def _without_effect(snapshot: Snapshot, project: Project) -> Iterator[str]:
    """Bounds of a project that another one makes void."""
    calls, most = project.limits.calls, snapshot.agent.limits.calls
    if calls is not None and calls > most:
        yield f"project {project.project}: limits.calls {calls} is more than the node takes, {most}"
    prompt = project.handoff.finish_prompt
    if prompt is not None and prompt.silence > prompt.at_most:
        yield (
            f"project {project.project}: handoff.finish_prompt.silence {prompt.silence:.15g} s is longer "
            f"than at_most {prompt.at_most:.15g} s: each handoff waits for all of at_most"
        )


def _same_headers(project: Project) -> Iterator[str]:
    """Headers that are one to SIP, where upper and lower case are alike (RFC 3261 section 7.3.1)."""
    for what, names in (
        ("voice_agent.headers", project.voice_agent.headers),
        ("voice_agent.pass_headers", project.voice_agent.pass_headers),
        ("handoff.transfer_headers", project.handoff.transfer_headers),
        ("answer_headers", project.answer_headers),
    ):
        first: dict[str, str] = {}
        for name in names:
            other = first.setdefault(name.lower(), name)
            if other != name:
                yield f"project {project.project}: {what} has {other} and {name}, which are one header to SIP"


def _where(target: Target) -> tuple[str, str, str, str]:
    address = target.address
    port = address.port or SIP_PORTS[address.transport]
    return address.user, address.host.lower(), address.transport, str(port)


def _hosts(listened: str, public: str | None) -> set[str]:
    """Hosts by which a listener is reached, as far as the configuration tells."""
    own = {"127.0.0.1", "::1", "localhost"} if ip_address(listened).is_unspecified else {listened}
    return own | ({public} if public else set())


def _too_long(whose: str, settings: object, most: dict[str, float]) -> Iterator[str]:
    for path, seconds in most.items():
        value = settings
        for name in path.split("."):
            value = getattr(value, name, None)
        if isinstance(value, float) and value > seconds:
            yield f"{whose}: {path} is {value:.15g} s; more than {seconds:g} s is seldom meant"


def _not_read(folder: Path) -> Iterator[str]:
    """Files that look as if they were part of the configuration."""
    for path in sorted(_within(folder, _DEEPEST)):
        inside = path.relative_to(folder)
        is_read = (inside.match("*.yaml") and str(inside.parent) in _FOLDERS) or str(inside) in _READ
        is_read = is_read or (inside.match("*.csv") and str(inside.parent) == "numbers")
        if path.suffix.lower() in _LIKE_OURS and not is_read:
            yield f"{path} is not read: only {', '.join(_READ)} are"


def _within(folder: Path, depth: int) -> Iterator[Path]:
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return
    for path in found:
        if not path.is_dir():
            yield path
        elif depth > 1:
            yield from _within(path, depth - 1)


def _open_secrets(folder: Path, snapshot: Snapshot) -> Iterator[str]:
    named = {
        Path(match) for path in _texts(folder) for match in _FILE_REFERENCE.findall(_without_remarks(path))
    }
    agent = snapshot.agent
    named |= {tls.private_key for tls in (agent.sip.tls, agent.http.tls) if tls is not None}
    for path in sorted(folder / path for path in named):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if mode & stat.S_IROTH:
            yield f"{path} can be read by every user of this machine: chmod o-r"


def _texts(folder: Path) -> Iterator[Path]:
    yield from (folder / "agent.yaml", folder / "carriers.yaml")
    yield from folder.glob("projects/*.yaml")


def _without_remarks(path: Path) -> str:
    text = content(path, str(path))
    lines = text.splitlines() if isinstance(text, str) else ()
    return "\n".join(line.partition("#")[0] for line in lines)
