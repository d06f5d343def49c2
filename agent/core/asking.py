# SPDX-License-Identifier: GPL-3.0-or-later
"""What a voice agent says when it hands the caller back, and how it is read from SIP: BYE, REFER, INFO."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, NoReturn, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from agent.core.errors import AgentError
from agent.core.header_text import one_line, text_of
from agent.core.headers import Message
from agent.core.mistakes import worded
from agent.core.parameters import MARKER
from agent.core.referral import allowed, read_refer_to

__all__ = ["Ask", "AskError", "Asked", "Key", "Parameter", "allowed", "from_bye", "from_info", "from_refer"]

_SHORT: Final = 256  # characters
_LONG: Final = 2000
_LONGEST: Final = 32_000
_LONGEST_INFO: Final = 16 * 1024  # bytes
_DEEPEST: Final = 64  # Python writes no JSON that is nested much deeper than some hundred levels


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds the character U+0000, which can't be stored: leave it out")
    return text


def _writable(data: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [data]
    for _ in range(_DEEPEST):
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise ValueError("holds a number that is not JSON")
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return data
    raise ValueError(f"is nested deeper than {_DEEPEST} levels")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _digits(value: object) -> object:
    if value is None or isinstance(value, bool | float):
        raise ValueError('must be text: write it in quotes, such as "4512"')
    return str(value) if isinstance(value, int) else value


Digits: Final = BeforeValidator(_digits)
"""A whole number is its digits; of another one nobody knows how it was written: 4.7e9 is no id."""

Parameter = Literal["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]
_PARAMETERS: Final[tuple[Parameter, ...]] = get_args(Parameter)
Text = Annotated[str, AfterValidator(_storable)]
Key = Annotated[Text, StringConstraints(max_length=_SHORT, strip_whitespace=True), Digits]
"""An id: at most 256 characters, no space around it."""


class AskError(AgentError, ValueError):
    """What was said can't be used; one line says what is wrong."""


class Ask(BaseModel):
    """What the voice agent says when it hands the caller back. Numbers are taken for texts."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
    )

    destination: Text = Field(default="", max_length=_SHORT, description="{destination} of the templates.")
    skill: Annotated[Text, Digits] = Field(
        default="", max_length=_SHORT, description="{skill} of the templates."
    )
    reason: Text = Field(default="", max_length=_LONG, description="{reason} of the templates.")
    parameters: dict[Parameter, Annotated[str, Field(max_length=_LONGEST)]] = Field(
        default_factory=dict, description="Values that replace those of the project's templates."
    )
    data: Annotated[dict[str, Any], AfterValidator(_writable)] = Field(
        default_factory=dict, description="Free object for the desktop, given back by handoff_state."
    )
    shared_id: Key = Field(default="", description="Key of your own under which handoff_state finds it.")


_UUI = "user-to-user"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a REFER says.

    Attributes:
        ask: what goes to the script and the desktop.
        refer_to: the URI of Refer-To without display name and embedded headers; ``""`` where it is no sip:
            or tel: URI. Nothing may dial it that `allowed` has not let through.
        uui_left_out: Refer-To embeds User-to-User information (RFC 7433) that no field of ours reads.
    """

    ask: Ask
    refer_to: str = ""
    uui_left_out: bool = False


def from_bye(message: Message, names: Mapping[str, str]) -> Ask | None:
    """Read the headers of a voice agent's BYE.

    Values are URL-decoded, and from hex where they are User-to-User information (RFC 7433). What is too long
    is cut and ends in ``…``. Of a repeated header the first value that says something counts.

    Args:
        message: the BYE.
        names: field → header, as ``handoff.headers`` has it.

    Returns:
        None where none of the headers is there: the voice agent is done and hands nothing back. A header
        without a value asks for a handoff all the same.
    """
    if not any(message.all(header) for header in names.values()):
        return None
    return _ask(_said([message], names))


def from_refer(message: Message, names: Mapping[str, str]) -> Asked:
    """Read a voice agent's REFER: its headers as in `from_bye`, then those embedded in Refer-To.

    Without a destination in them, the user part of Refer-To is the destination.
    """
    refer_to = read_refer_to(message.first("refer-to"))
    said = _said([message, refer_to.headers], names)
    destination = said.get("destination") or one_line(refer_to.user)
    read = any(header.lower() == _UUI for header in names.values())
    left_out = bool(refer_to.headers.all(_UUI)) and not read
    return Asked(_ask({**said, "destination": destination}), refer_to.uri, left_out)


def from_info(body: str) -> Ask:
    """Read the body of a voice agent's INFO: a JSON object with the fields of `Ask`, at most 16 KiB.

    Raises:
        AskError: it is something else. An INFO belongs to its call, so ``call_id`` is unknown here as well.
    """
    if len(body.encode(errors="replace")) > _LONGEST_INFO:
        raise AskError(f"the body is longer than {_LONGEST_INFO} bytes")
    try:
        return Ask.model_validate(_json_object(body))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in found["loc"] if part != "[key]")
        raise AskError(f"{_cut(one_line(place), 64)} {worded(found, Ask)}") from None
    except (ValueError, RecursionError):
        raise AskError("the body is not a JSON object") from None


def _said(messages: Iterable[Message], names: Mapping[str, str]) -> dict[str, str]:
    """What each field's header says, as it was decoded; fields of which nothing is said are left out."""
    found: dict[str, str] = {}
    for message in messages:
        for field, header in names.items():
            values = (text_of(header, value) for value in message.all(header))
            text = next((text for text in values if one_line(text)), "")
            if text:
                found.setdefault(field, text)
    return found


def _ask(said: Mapping[str, str]) -> Ask:
    data = said.get("data", "")
    return Ask(
        destination=_fitting(said, "destination", _SHORT),
        skill=_fitting(said, "skill", _SHORT),
        reason=_fitting(said, "reason", _LONG),
        parameters={key: _fitting(said, key, _LONGEST) for key in _PARAMETERS if key in said},
        data=_data(data) if data else {},
        shared_id=_fitting(said, "shared_id", _SHORT),
    )


def _fitting(said: Mapping[str, str], field: str, longest: int) -> str:
    return _cut(one_line(said.get(field, "")), longest)


def _data(text: str) -> dict[str, Any]:
    try:
        return _writable(_json_object(text))
    except (ValueError, RecursionError):
        return {"text": one_line(text)}


def _json_object(text: str) -> dict[str, Any]:
    found = json.loads(text, parse_constant=_no_json)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what was sent has a wrong value
    return found


def _no_json(constant: str) -> NoReturn:
    # Python would take NaN and Infinity, and who reads them back would not (RFC 8259 section 6).
    raise ValueError(f"{constant} is not JSON")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - len(MARKER)] + MARKER
