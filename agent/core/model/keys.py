# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the handoff API: as texts that only references give, or as SHA-256 hashes, which are no secrets."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, SecretStr, ValidationInfo, WithJsonSchema

from agent.core.model.base import REFERENCES_ONLY, Resolved, misplaced

_PREFIX: Final = "sha256:"
_HASH: Final = re.compile(r"sha256:[0-9A-Fa-f]{64}", re.ASCII)
# What looks like a hash of another kind would be taken for the key itself, and open to who reads it.
_OTHER_HASH: Final = re.compile(r"(?:md5|sha-?\d+|bcrypt|scrypt|argon2\w*|pbkdf2\w*):|\$\w+\$", re.IGNORECASE)
_SENDABLE: Final = re.compile(
    r"[!-~]+", re.ASCII
)  # what a header's value may hold anywhere (RFC 9110 section 5.5)
_SHORTEST: Final = 12  # characters
_FEWEST_CHARACTERS: Final = 5
_OF_NOTHING: Final = frozenset(_PREFIX + hashlib.sha256(text).hexdigest() for text in (b"", b"\n"))
_HOW: Final = "write ${env:NAME}, ${file:/path} or sha256: and 64 hex digits"


def digest_of(key: SecretStr) -> bytes:
    """The SHA-256 of a configured key, whichever way it is written."""
    text = key.get_secret_value()
    if is_hash(key):
        return bytes.fromhex(text.removeprefix(_PREFIX))
    return hashlib.sha256(text.encode()).digest()


def is_hash(key: SecretStr) -> bool:
    """Whether only the hash of the key is known."""
    return key.get_secret_value().startswith(_PREFIX)


def easy_to_guess(key: SecretStr) -> bool:
    """Whether a key is short or repeats itself; of a hash that can't be told."""
    text = key.get_secret_value()
    return not is_hash(key) and (len(text) < _SHORTEST or len(set(text)) < _FEWEST_CHARACTERS)


def _keys(value: object, info: ValidationInfo) -> object:
    in_files = bool((info.context or {}).get(REFERENCES_ONLY))
    if value is None or isinstance(value, tuple):
        return value or ()
    if not isinstance(value, list):
        return (_key(value, in_files=in_files),)
    if not value:
        raise ValueError("nothing is listed: at least one key is needed")
    found: list[SecretStr] = []
    for index, item in enumerate(value):
        try:
            found.append(_key(item, in_files=in_files))
        except ValueError as error:
            raise misplaced(str(error), index) from None
        if digest_of(found[-1]) in map(digest_of, found[:-1]):
            raise misplaced("this key is listed twice: leave one out", index)
    return tuple(found)


def _key(value: object, *, in_files: bool) -> SecretStr:
    """One key.

    Raises:
        ValueError: it can't be used; the text never tells the key.
    """
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise ValueError(f"a key is a text: {_HOW}")  # noqa: TRY004 - pydantic wants it
    text = str(value)
    if text.lower().startswith(_PREFIX):
        return SecretStr(_hash(text.lower()))
    if _OTHER_HASH.match(text):
        raise ValueError(f"this kind of hash is not known: {_HOW}")
    if in_files and not isinstance(value, Resolved):
        raise ValueError(f"a key is never written in: {_HOW}")
    if not _SENDABLE.fullmatch(text):
        raise ValueError(
            "the key is empty, or has characters that no header can carry: use ASCII without spaces"
        )
    return SecretStr(text)


def _hash(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise ValueError("sha256: wants 64 hex digits after it, as sha256sum prints them")
    if text in _OF_NOTHING:
        raise ValueError("this is the hash of an empty text: hash the key itself, printf %s KEY | sha256sum")
    return text


_ONE: Final = {
    "type": "string",
    "pattern": r"^(\$\{(env|file):.+\}|[sS][hH][aA]256:[0-9A-Fa-f]{64})$",
    "examples": ["${env:NAME}", "sha256:" + "0" * 64],
}
ApiKeys = Annotated[
    tuple[SecretStr, ...],
    BeforeValidator(_keys),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}),
]
"""None, one or several keys."""
