# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of mistake at its file, line and column, and what a good folder becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from agent.core.model import Snapshot

SALES = """\
project: sales
account: acme
token: ${env:SALES_TOKEN}
voice_agent: {targets: [{uri: "sip:b@10.0.0.6"}]}
"""


class Folder(Protocol):
    """The fixture of conftest.py."""

    path: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def load(self) -> Snapshot:
        """Load the folder."""

    def mistakes(self) -> list[str]:
        """What loading finds."""


def test_a_good_folder_has_no_mistakes_and_becomes_a_snapshot(folder: Folder) -> None:
    assert folder.mistakes() == []
    snapshot = folder.load()
    rule = snapshot.numbers.match("9995550100")
    token = snapshot.projects["care"].token
    assert rule is not None
    assert (rule.projects, rule.place) == (("care",), f"{folder.path}/numbers/acme.yaml:2")
    assert token is not None
    assert token.get_secret_value() == "secret-of-care"
    assert snapshot.carriers["one"].name == "one"
    assert snapshot.unknown_source == "drop"


@pytest.mark.parametrize("reference", ["${env:DATABASE}", "${file:database}"])
def test_a_storage_with_a_password_is_referred_to(folder: Folder, reference: str) -> None:
    storage = "postgresql://agent:secret@db.example.com/handoff"
    folder.environment["DATABASE"] = storage
    folder.write("database", storage + "\n")
    folder.write("agent.yaml", f"node: e\nstorage: {reference}\n")
    assert folder.mistakes() == []
    assert folder.load().agent.storage == storage


AGENT_MISTAKES = [
    ("node: e\nlimit: {calls: 1}\n", "2:1: unknown key 'limit': did you mean 'limits'?"),
    ("node: e\nlimits: {calls: 1, cals: 1}\n", "2:20: unknown key 'cals': did you mean 'calls'?"),
    ("log: {}\n", "1:1: node is missing: Name of this node"),
    (
        "node: e\nsip: {listen: ['udp://0.0.0.0:5060'], public_address: '2001:db8::7'}\n",
        "2:55: 2001:db8::7 is an IPv6 address, and every listener is on IPv4: write one of the listeners'",
    ),
    (
        "node: e\nsip: {listen: ['udp://[::]:5060'], public_address: 192.0.2.7}\n",
        "2:52: 192.0.2.7 is an IPv4 address, and every listener is on IPv6: write one of the listeners'",
    ),
    (
        "node: e\ndns: {servers: ['udp://10.0.0.53']}\n",
        "2:17: 'udp://10.0.0.53' is not host:port: write that alone, such as 10.0.0.53",
    ),
    ("node: 7\n", '1:7: YAML reads 7 as a number: put it in quotes, "7"'),
    ("node: no\n", '1:7: YAML reads no as true or false: put it in quotes, "no"'),
    ("node:\n", "1:6: nothing stands where a text belongs"),
    ("node: 2024-01-01\n", "1:7: YAML reads 2024-01-01 as something else than text: put it in quotes"),
    ("node: e\nlimits: {calls: many}\n", "2:17: 'many' stands where a whole number belongs"),
    ("node: e\nlimits: {calls: 0}\n", "2:17: 0 is too small: the least is 1"),
    ("node: e\nlimits: {ring: soon}\n", "2:16: 'soon' is not a duration: write 30s, 500ms, 2m or 4h"),
    ("node: e\nlimits: {ring: 0s}\n", "2:16: must be longer than 0s"),
    ("node: e\nlimits: []\n", "2:1: a list stands where keys with values belongs"),
    (
        "node: e\nlog: {level: loud}\n",
        "2:14: 'loud' is not known: write 'debug', 'info', 'warning' or 'error'",
    ),
    ("node: e\nsip:\n  listen: [udp://0.0.0.0:5060, 5060]\n", "3:32: 5060 is not a SIP listener"),
    ("node: e\nsip:\n  listen: [tls://0.0.0.0]\n", "3:12: tls://0.0.0.0:5061 needs tls: {certificate"),
    ("node: e\nsip: {listen: []}\n", "2:7: nothing is listed: at least one is needed"),
    ("node: e\nsip: {public_address: edge}\n", "2:23: 'edge' is not an IP address"),
    ("node: e\nmedia: {codecs: [PCMU, G729]}\n", "2:24: G729 is not a codec of this agent"),
    ("node: e\nmedia: {rtp_ports: 20000-20099}\n", "2:20: 1000 calls need 4000 RTP ports, four a call"),
    (
        "node: e\nmedia: {rtp_ports: 20000-20099}\nlimits:\n  calls: 30\n",
        (
            "4:10: 30 calls need 120 RTP ports, four a call, but media.rtp_ports 20000-20099 has 100: widen "
            "it, or set limits.calls to 25"
        ),
    ),
    ("node: e\nsip: {listen: [udp://0.0.0.0:20000]}\n", "2:16: udp://0.0.0.0:20000 lies in media.rtp_ports"),
    ("node: e\nhttp: {api: 127.0.0.1:8081}\n", "2:1: api and operations both listen on 127.0.0.1:8081"),
    (
        "node: e\nstorage: mysql://x\n",
        (
            "2:10: 'mysql' is not a storage: write sqlite:// and a path "
            "(sqlite:///var/lib/handoff-agent/agent.db), or postgresql://host/database"
        ),
    ),
    ("node: e\nstorage: postgresql:/u:p@h/d\n", "2:10: this is not a storage: write sqlite:// and a path "),
    ("node: e\nstorage: postgresql://a,b/d\n", "2:10: several servers need ?target_session_attrs=read-write"),
    (
        "node: e\nstorage: postgresql://a:5432,b:x/d?target_session_attrs=read-write\n",
        "2:10: one of the servers is none: write postgresql://one:5432,two:5432/database",
    ),
    (
        "node: e\nstorage: postgresql://a,b/d?target_session_attrs=standby\n",
        "2:10: target_session_attrs=standby does not lead to the primary: write read-write",
    ),
    ("node: e\nstorage: sqlite://\n", "2:10: 'sqlite://' is not a storage: write sqlite:// and a path "),
    ("node: e\nreload_guard: 150%\n", "2:15: '150%' is no share: write one from 0% to 100%, or off"),
    (
        "node: e\nhttp: {operations: 'http://127.0.0.1:8085'}\n",
        "2:20: 'http://127.0.0.1:8085' is not host:port: write that alone, such as 127.0.0.1:8085",
    ),
    (
        "node: e\nhttp: {operations: '0.0.0.0:8081'}\n",
        "2:20: 0.0.0.0:8081 can be reached from other machines and has no log-in: listen on 127.0.0.1",
    ),
    (
        "node: e\nhttp: {operations_auth: {tokens: [{name: ana, token: abcdefghijklmnop}]}}\n",
        "2:54: a key is never written in: write ${env:NAME}, ${file:/path} or sha256: and 64 hex digits",
    ),
    ("node: e\nhttp: {operations_auth: {}}\n", "2:8: nobody could log in: name tokens, a proxy, or both"),
    ("node: e\nstorage: postgresql://u:p@h/d\n", "2:10: a password is never written in"),
    ("node: e\nnode: f\n", "2:1: 'node' is there twice, first in line 1: leave one out"),
    ("node: e\n<<: {log: {}}\n", "2:1: merging with << is not supported: write the keys out"),
    ("node: [\n", "1:7: not YAML: "),
    ("node: e\n\tlog: {}\n", "2:1: not YAML: "),
    ("node: \x07\n", "1:7: not YAML: "),
    ("", "1:1: the file is empty"),
    ("- node\n", "1:1: must be keys with values"),
    ("[" * 5000, "1:1: not YAML: unreadable, or nested too deeply"),
    ("node: e\nlog: &a [*a]\n", "2:6: too much is nested or repeated by aliases here"),
    ("node: ${env:CARE_TOKEN}x\n", "1:7: a reference must be the whole value"),
    ("node: e\nsip: {listen: ['tls://0.0.0.0'], tls: {certificate: c.pem, private_key: k.pem}}\n", "2:53: "),
]


@pytest.mark.parametrize(
    ("text", "expected"), AGENT_MISTAKES, ids=[expected for _, expected in AGENT_MISTAKES]
)
def test_a_mistake_in_agent_yaml_is_told_at_its_place(folder: Folder, text: str, expected: str) -> None:
    folder.write("agent.yaml", text)
    assert folder.mistakes()[0].startswith(f"agent.yaml:{expected}"), folder.mistakes()


CARRIER_MISTAKES = [
    ("carriers:\n  a: {sources: [192.0.2.7/24]}\n", "2:17: 192.0.2.7/24 has bits set beyond its mask"),
    ("carriers:\n  a: {sources: []}\n", "2:7: nothing is listed"),
    ("carriers:\n  a: {}\n", "2:3: sources is missing"),
    ("carriers: {}\n", "1:1: nothing is listed"),
    ("carriers:\n  a b: {sources: [192.0.2.7]}\n", "2:3: 'a b' is not a name"),
    ("carriers:\n  a: {sources: [192.0.2.7], name: b}\n", "2:29: unknown key 'name'"),
    (
        "carriers:\n  a: {sources: [192.0.2.7], token_heder: b}\n",
        "2:29: unknown key 'token_heder': did you mean 'token_header'?",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], token_header: X-T}\n  b:\n    sources:\n      - 192.0.2.7\n",
        "5:9: 192.0.2.7/32 is a source of a already, at ",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], numbers: {strip: [1]}}\n",
        '2:47: YAML reads 1 as a number: put it in quotes, "1"',
    ),
    ("carriers:\n  a: {sources: [192.0.2.7], numbers: {strip: ['x']}}\n", "2:47: 'x' can't begin a number"),
    (
        "carriers:\n  a: {sources: [192.0.2.7], number_from: requesturi}\n",
        "2:42: 'requesturi' is not known: did you mean 'request-uri'?",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], number_from: To}\n",
        "2:42: 'To' is not known: did you mean 'to'?",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], contact_id_headers: ['X Y']}\n",
        "2:50: 'X Y' is not a header name",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], digest: {realm: r, username: u, password: p}}\n",
        "2:71: a secret is never written in: write ${env:NAME} or ${file:/path}",
    ),
    (
        "carriers:\n  a: {sources: [192.0.2.7], token_header: X-T}\nunknown_source: accept\n",
        "3:17: 'accept' is not known: write 'drop' or 'reject'",
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"), CARRIER_MISTAKES, ids=[expected for _, expected in CARRIER_MISTAKES]
)
def test_a_mistake_in_carriers_yaml_is_told_at_its_place(folder: Folder, text: str, expected: str) -> None:
    folder.write("carriers.yaml", text)
    found = [mistake for mistake in folder.mistakes() if mistake.startswith("carriers.yaml")]
    assert found[0].startswith(f"carriers.yaml:{expected}"), found
    assert len(found) == 1, found


HEAD = 'project: care\naccount: acme\nvoice_agent: {targets: [{uri: "sip:b@10.0.0.5"}]}\n'
TENANT = (
    "cxone: {business_unit: '1', client_id: c, client_secret: '${env:CARE_TOKEN}', access_key_id: k, "
    "access_key_secret: '${env:CARE_TOKEN}'"
)
PROJECT_MISTAKES = [
    (HEAD + "token: abc\n", "4:8: a secret is never written in: write ${env:NAME} or ${file:/path}"),
    (HEAD + "token: ${env:NOWHERE}\n", "4:8: the environment has no NOWHERE"),
    (HEAD + "api_key: ${file:/nowhere}\n", "4:10: there is no file /nowhere"),
    (HEAD + "api_key: ${file:.}\n", "4:10: there is no file "),
    (HEAD + "api_key: abcdefghijkl\n", "4:10: a key is never written in: write ${env:NAME}"),
    (HEAD + "api_key: sha256:abc\n", "4:10: sha256: wants 64 hex digits after it"),
    (HEAD + f"api_key:\n  - sha256:{'0' * 64}\n  - plain\n", "6:5: a key is never written in"),
    (HEAD + "signals: {arrival: {p1: x}}\n", "4:1: signals need cxone"),
    (HEAD + TENANT + "}\nsignals: {arival: {p1: x}}\n", "5:11: 'arival' is not a moment"),
    (
        HEAD + TENANT + "}\nsignals: {arrival: {p10: x}}\n",
        "5:21: 'p10' is not a parameter: a signal has p1 to p9",
    ),
    (
        HEAD + TENANT + "}\nsignals: {arrival: {p1: '{contact}'}}\n",
        "5:25: unknown placeholder {contact}: did you mean {contact_id}?",
    ),
    (
        HEAD + TENANT + "}\nsignals: {arrival: {p1: '{skill'}}\n",
        "5:25: '{skill' has a brace without its partner",
    ),
    (
        HEAD + TENANT + "}\nsignals: {arrival: {p1: 5}}\n",
        '5:25: YAML reads 5 as a number: put it in quotes, "5"',
    ),
    (
        HEAD + TENANT + ", issuer: 'https://nice.example.org'}\n",
        "4:145: nice.example.org is not one of NICE's hosts",
    ),
    (
        HEAD + TENANT + ", issuer: 'http://cxone.niceincontact.com'}\n",
        "4:145: cxone.niceincontact.com must be reached by https",
    ),
    (HEAD + TENANT + ", api_version: '30'}\n", "4:150: '30' is not a version: write one such as v30.0"),
    (HEAD + "handoff: {method: refer}\n", "4:19: method refer needs a target"),
    (HEAD + "handoff: {on_signal_failure: refer}\n", "4:30: refer needs a target"),
    (HEAD + "handoff: {comfort_audio: nowhere.wav}\n", "4:26: "),
    (
        HEAD.replace("sip:b@10.0.0.5", "10.0.0.5"),
        "3:31: '10.0.0.5' is not a SIP URI: write sip:user@host:port",
    ),
    (HEAD.replace("}]}", "}], headers: {Via: x}}"), "3:61: Via is written by the SIP stack itself"),
    ("project: care\naccount: acme\n", "1:1: voice_agent is missing: The voice agent."),
    (HEAD.replace("project: care", "project: a/b"), "1:10: 'a/b' is not a name"),
]


@pytest.mark.parametrize(
    ("text", "expected"), PROJECT_MISTAKES, ids=[expected for _, expected in PROJECT_MISTAKES]
)
def test_a_mistake_in_a_project_is_told_at_its_place(folder: Folder, text: str, expected: str) -> None:
    folder.write("projects/care.yaml", text)
    found = [mistake for mistake in folder.mistakes() if mistake.startswith("projects")]
    assert len(found) == 1, found
    assert found[0].startswith(f"projects/care.yaml:{expected}"), found


NUMBER_MISTAKES = [
    ("0800: care", '2:3: 0800 begins with a zero that YAML may drop: put it in quotes, "0800"'),
    ("0100: care", '2:3: YAML reads 0100 as another number: put it in quotes, "0100"'),
    ("0899: care", '2:3: 0899 begins with a zero that YAML may drop: put it in quotes, "0899"'),
    ("+44: care", '2:3: YAML reads +44 as a number: put it in quotes, "+44"'),
    ("999_555: care", '2:3: YAML reads 999_555 as another number: put it in quotes, "999_555"'),
    ("no: care", '2:3: YAML reads no as true or false: put it in quotes, "no"'),
    ("1e5: care", "2:3: '1e5' is not a number"),
    ("1.5: care", '2:3: YAML reads 1.5 as a fraction: put it in quotes, "1.5"'),
    ("190:20:30: care", '2:3: YAML reads 190:20:30 as another number: put it in quotes, "190:20:30"'),
    ("~: care", '2:3: YAML reads ~ as nothing: put it in quotes, "~"'),
    ("[1]: care", "2:3: a key must be a single value"),
    ('"19-10": care', "2:3: 19-10 runs backwards: write 10-19"),
    ('"abc": care', "2:3: 'abc' is not a number"),
    ('"1": cara', "2:3: unknown project 'cara': did you mean 'care'?"),
    ('"1": 5', '2:8: YAML reads 5 as a number: put it in quotes, "5"'),
    ('"1":', "2:7: nothing stands where the name of a project belongs"),
    ('"1": []', "2:8: nothing is listed: at least one project is needed"),
    ('"1": [care, care]', "2:15: care is listed twice: leave one out"),
    ('"1": {labels: {a: b}}', "2:3: project is missing"),
    ('"1": {project: care, label: {}}', "2:24: unknown key 'label': did you mean 'labels'?"),
    ('"1": {project: care, labels: {a: 1}}', '2:36: YAML reads 1 as a number: put it in quotes, "1"'),
    ('"1": {project: care, labels: {"1": a}}', "2:33: '1' is not a label"),
    ('"1": care\n  "+1": care', "3:3: +1 is there already, at {folder}/numbers/acme.yaml:2: leave one out"),
    (
        '"10-19": care\n  "15-25": care',
        "3:3: 15-25 overlaps 10-19 at {folder}/numbers/acme.yaml:2: make them disjoint",
    ),
    (
        '"10-11": care\n  "10": care\n  "11": care',
        "2:3: 10-11 can never match: each of its numbers has a rule of its own",
    ),
    (
        '"1": [care, sandbox]',
        "2:3: care and sandbox both have the same token, so a call can't tell them apart",
    ),
    ('"1": [open, wide]', "2:3: open and wide both have no token, so a call can't tell them apart"),
]


@pytest.mark.parametrize(("entry", "expected"), NUMBER_MISTAKES, ids=[entry for entry, _ in NUMBER_MISTAKES])
def test_a_mistake_in_a_number_map_is_told_at_its_place(folder: Folder, entry: str, expected: str) -> None:
    folder.write(
        "projects/sandbox.yaml",
        SALES.replace("project: sales", "project: sandbox").replace("SALES_", "CARE_"),
    )
    folder.write("projects/open.yaml", HEAD.replace("care", "open"))
    folder.write("projects/wide.yaml", HEAD.replace("care", "wide"))
    folder.write("numbers/acme.yaml", f"numbers:\n  {entry}\n")
    assert folder.mistakes()[0].startswith(f"numbers/acme.yaml:{expected.format(folder=folder.path)}"), (
        folder.mistakes()
    )
    assert len(folder.mistakes()) == 1


def test_plain_digits_are_the_number_they_show(folder: Folder) -> None:
    folder.write(
        "numbers/acme.yaml",
        "numbers:\n  9995550100: care\n  9995550200-9995550299: care\n  99955503*: care\n",
    )
    assert folder.mistakes() == []


def test_the_same_number_in_two_files_names_both_places(folder: Folder) -> None:
    folder.write("numbers/b.yaml", '# more\nnumbers:\n  "9995550100": care\n')
    place = f"{folder.path}/numbers/acme.yaml:2"
    assert folder.mistakes() == [
        f"numbers/b.yaml:3:3: 9995550100 is there already, at {place}: leave one out"
    ]


def test_two_files_of_one_project_name_both_places(folder: Folder) -> None:
    folder.write("projects/more.yaml", SALES.replace("project: sales", "project: care"))
    assert folder.mistakes() == [
        (
            f"projects/more.yaml:1:10: project care is there already, at {folder.path}/projects/care.yaml:1: "
            "give it another name"
        )
    ]


def test_a_token_that_no_carrier_could_carry_is_no_mistake(folder: Folder) -> None:
    folder.write("carriers.yaml", "carriers:\n  one: {sources: [192.0.2.0/24]}\n")
    assert folder.mistakes() == []


def test_missing_files_and_folders_are_told(folder: Folder) -> None:
    (folder.path / "agent.yaml").unlink()
    (folder.path / "numbers/acme.yaml").rename(folder.path / "numbers/acme.yml")
    (folder.path / "projects/care.yaml").unlink()
    (folder.path / "projects").rmdir()
    assert folder.mistakes() == [
        "agent.yaml:1:1: the file is missing",
        f"numbers:1:1: there is no number map: create {folder.path}/numbers/NAME.yaml",
        "numbers/acme.yml:1:1: only *.yaml is read: rename it to .yaml",
        f"projects:1:1: the folder is missing: create {folder.path}/projects with a file for each project",
    ]


def test_all_mistakes_of_all_files_come_at_once(folder: Folder) -> None:
    folder.write("agent.yaml", "nod: e\n")
    folder.write("carriers.yaml", "carriers: {a: {}}\n")
    folder.write("projects/care.yaml", "project: care\n")
    folder.write("numbers/acme.yaml", "numbers: {'1': care, '2': car, x: care}\n")
    assert [":".join(found.split(":")[:3]) for found in folder.mistakes()] == [
        "agent.yaml:1:1",
        "agent.yaml:1:1",
        "carriers.yaml:1:12",
        "numbers/acme.yaml:1:22",
        "numbers/acme.yaml:1:32",
        "projects/care.yaml:1:1",
        "projects/care.yaml:1:1",
    ]


def test_an_unreadable_project_does_not_make_its_numbers_mistakes(folder: Folder) -> None:
    folder.write("projects/care.yaml", "project: [\n")
    assert [found.split(":")[0] for found in folder.mistakes()] == ["projects/care.yaml"]


def test_an_alias_bomb_is_refused(folder: Folder) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 10)}]" for i in range(8)]
    folder.write("agent.yaml", "\n".join(lines) + "\n")
    assert "too much is nested or repeated by aliases" in folder.mistakes()[0]


def test_a_secret_in_a_file_relative_to_the_folder_loses_its_line_end(folder: Folder) -> None:
    folder.write("secrets/token", "abc\n")
    folder.write("projects/care.yaml", HEAD + "token: ${file:secrets/token}\n")
    token = folder.load().projects["care"].token
    assert token is not None
    assert token.get_secret_value() == "abc"


def test_no_message_shows_a_secret(folder: Folder) -> None:
    folder.environment["CARE_TOKEN"] = "do-not-show"
    folder.write("projects/care.yaml", HEAD + "token: ${env:CARE_TOKEN}\nenvironment: ${env:CARE_TOKEN}\n")
    folder.write("projects/b.yaml", HEAD.replace("care", "b") + "token: ${env:CARE_TOKEN}\n")
    folder.write("numbers/acme.yaml", 'numbers: {"1": [care, b]}\n')
    found = folder.mistakes()
    assert found
    assert "do-not-show" not in "\n".join(found)
    folder.write("projects/care.yaml", HEAD + "token: ${env:CARE_TOKEN}\n")
    folder.write("numbers/acme.yaml", 'numbers: {"1": care}\n')
    assert "do-not-show" not in repr(folder.load())


def test_the_fingerprint_tells_content_not_writing(folder: Folder) -> None:
    first = folder.load().fingerprint
    folder.write("numbers/acme.yaml", "# a comment\nnumbers: {'9995550100': care}\n")
    assert folder.load().fingerprint == first
    folder.environment["CARE_TOKEN"] = "another"
    assert folder.load().fingerprint != first


def test_nodes_of_a_fleet_have_one_fingerprint_of_what_they_share(folder: Folder) -> None:
    first = folder.load()
    folder.write("agent.yaml", "node: another\n")
    second = folder.load()
    assert second.shared == first.shared
    assert second.fingerprint != first.fingerprint
    assert first.shared.startswith(first.shared_shown)
    folder.write("numbers/acme.yaml", "numbers: {'9995550109': care}\n")
    assert folder.load().shared != first.shared


def test_relative_paths_start_at_the_folder(folder: Folder) -> None:
    folder.write("agent.yaml", "node: e\nstorage: sqlite://../var/agent.db\n")
    assert folder.load().agent.database == folder.path.parent / "var/agent.db"


@pytest.mark.parametrize("written", ["off", "OFF", '"off"'])
def test_off_needs_no_quotes(folder: Folder, written: str) -> None:
    folder.write("agent.yaml", f"node: edge-1\nmedia: {{latch: {written}}}\nreload_guard: off\n")
    agent = folder.load().agent
    assert (agent.media.latch, agent.reload_guard) == ("off", None)


def test_on_is_no_way_to_latch(folder: Folder) -> None:
    folder.write("agent.yaml", "node: edge-1\nmedia: {latch: on}\n")
    assert folder.mistakes() == [
        "agent.yaml:2:16: 'on' is not known: write 'strict', 'once' or 'off'",
    ]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("projects/care.yaml", "webhook: {{url: {}, secret: '${{env:CARE_TOKEN}}'}}"),
        ("agent.yaml", "traces: {{endpoint: {}}}"),
        ("agent.yaml", "hep: {{collector: {}}}"),
        ("agent.yaml", "http: {{origins: [{}]}}"),
        ("agent.yaml", "sip: {{public_address: {}}}"),
    ],
)
@pytest.mark.parametrize(
    "url",
    ["https://ana:geheim@crm.example/x", "http://ana:geheim@crm.example/", "ftp://geheim.example/"],
)
def test_no_mistake_repeats_a_password_or_what_a_reference_brought(
    folder: Folder, file: str, text: str, url: str
) -> None:
    before = (folder.path / file).read_text(encoding="utf-8")
    folder.environment["URL"] = url
    folder.write(file, before + text.format("'${env:URL}'") + "\n")
    (mistake,) = folder.mistakes()
    assert "heim" not in mistake
    assert "what this refers to" in mistake
    if "@" in url:
        folder.write(file, before + text.format(f"'{url}'") + "\n")
        (mistake,) = folder.mistakes()
        assert "heim" not in mistake
        assert "***@" in mistake
