# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the handoff API: by reference or as hashes, several during a change; weak ones are told apart."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from agent.core.model.base import REFERENCES_ONLY, Resolved
from agent.core.model.keys import ApiKeys, digest_of, easy_to_guess, is_hash

KEY = "correct-horse-battery"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
_keys: TypeAdapter[Any] = TypeAdapter(ApiKeys)


def read(value: object) -> Any:  # noqa: ANN401 - a tuple of keys
    """Keys as the loader makes them of what a file says."""
    return _keys.validate_python(value, strict=True, context={REFERENCES_ONLY: True})


def refusal(value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        read(value)
    (error,) = caught.value.errors(include_url=False)
    assert "horse" not in error["msg"]
    return error["msg"]


@pytest.mark.parametrize(
    "written",
    [Resolved(KEY), f"sha256:{DIGEST}", f"SHA256:{DIGEST.upper()}", Resolved(f"sha256:{DIGEST}")],
    ids=["a reference", "a hash", "a hash in capitals", "a reference to a hash"],
)
def test_a_key_may_be_written_as_a_reference_or_as_a_hash_and_is_the_same_key(written: str) -> None:
    (key,) = read(written)
    assert digest_of(key).hex() == DIGEST
    assert is_hash(key) == (written != KEY)
    assert KEY not in repr(key)


def test_several_keys_hold_while_one_replaces_another() -> None:
    new = hashlib.sha256(b"the next one").hexdigest()
    assert [digest_of(key).hex() for key in read([Resolved(KEY), f"sha256:{new}"])] == [DIGEST, new]


@pytest.mark.parametrize("nothing", [None, ()])
def test_a_project_may_have_no_key(nothing: object) -> None:
    assert read(nothing) == ()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (KEY, "never written in"),
        ("sha256:abc", "64 hex digits"),
        (f"sha256:{DIGEST}0", "64 hex digits"),
        (f"sha256:{DIGEST[:-1]}g", "64 hex digits"),
        (f"sha256:{hashlib.sha256(b'').hexdigest()}", "hash of an empty text"),
        (Resolved(f"sha256:{hashlib.sha256(b'').hexdigest()}"), "hash of an empty text"),
        (Resolved("sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"), "kind of hash is not known"),
        (Resolved("$2b$12$horsehorsehorsehorsehorse"), "kind of hash is not known"),
        (Resolved("correct horse battery"), "no header can carry"),
        (Resolved("cörrect-horse-battery"), "no header can carry"),
        (123456789012, "a key is a text"),
        ([], "at least one key"),
        ([Resolved(KEY), f"sha256:{DIGEST}"], "listed twice"),
        ([Resolved(KEY), None], "a key is a text"),
    ],
)
def test_what_is_no_key_is_refused_in_words_that_do_not_tell_it(written: object, text: str) -> None:
    assert text in refusal(written)


@pytest.mark.parametrize("weak", ["horse", "aaaaaaaabbbb"])
def test_a_weak_key_is_taken_and_told_apart(weak: str) -> None:
    assert easy_to_guess(SecretStr(weak))
    assert not easy_to_guess(SecretStr(KEY))
    assert not easy_to_guess(SecretStr(f"sha256:{DIGEST}"))
