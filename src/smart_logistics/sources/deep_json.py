"""JSON that is nested deeper than Python's decoder goes, read without recursion. Standard library only.

How deep the decoder goes depends on who calls it, and a JSON object is one however deep it is: so what the decoder
gives up is read here, its texts and numbers by that same decoder. Of what is nested inside a member only the kind is
kept: a record's fields are texts and numbers, and its raw text lies beside them.
"""

from __future__ import annotations

import json
import re
from typing import Any

SPACE = re.compile(r"[ \t\r\n]*")
# Every number becomes a double, however many digits it has. NaN and the infinities parse: they are judged as values.
DECODER = json.JSONDecoder(parse_int=float)
_CLOSING = {"{": "}", "[": "]"}


def decode(text: str) -> Any:
    """Return the value of a whole text, the members of a deep object's members left out.

    Raises:
        JSONDecodeError: it is none.
    """
    try:
        return DECODER.decode(text)
    except RecursionError:
        value, end = _flat(text, _skip(text, 0))
    if (end := _skip(text, end)) != len(text):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def raw_decode(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at ``at``, likewise, and where it ends.

    Raises:
        JSONDecodeError: there is none.
    """
    try:
        return DECODER.raw_decode(text, at)
    except RecursionError:
        return _flat(text, at)


def _flat(text: str, at: int) -> tuple[Any, int]:
    members: dict[str, Any] = {}
    due: list[str] = []  # the brackets that are still to be closed
    key = ""
    while True:
        opening = text[at : at + 1]
        closing = _CLOSING.get(opening)
        if closing is None:
            value, at = DECODER.raw_decode(text, at)
        else:
            due.append(closing)
            at = _skip(text, at + 1)
            if text[at : at + 1] != closing:
                key, at = _key(text, at, key, due)
                continue
            value = _empty(due.pop())
            at += 1
        while due:
            if due == ["}"]:
                members[key] = value
            at = _skip(text, at)
            if text[at : at + 1] != due[-1]:
                break
            value = _empty(due.pop())
            at += 1
        else:
            return (members if value == {} else value), at
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        key, at = _key(text, _skip(text, at + 1), key, due)


def _key(text: str, at: int, before: str, due: list[str]) -> tuple[str, int]:
    """Step over a key where one is due; return the record's own latest key, and where the value begins."""
    if due[-1] == "]":
        return before, at
    if text[at : at + 1] != '"':
        raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
    key, at = DECODER.raw_decode(text, at)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise json.JSONDecodeError("Expecting ':' delimiter", text, at)
    return (key if len(due) == 1 else before), _skip(text, at + 1)


def _empty(closing: str) -> Any:
    return {} if closing == "}" else []


def _skip(text: str, at: int) -> int:
    return SPACE.match(text, at).end()  # type: ignore[union-attr]
