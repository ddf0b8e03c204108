"""Damage to one record's line: its bytes, its encoding, its structure, its values. Every kind has a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

Damage = Callable[[Random, bytes], bytes]


def _cut_end(rng: Random, line: bytes) -> bytes:
    return line[: rng.randrange(1, len(line))]


def _cut_start(rng: Random, line: bytes) -> bytes:
    return line[rng.randrange(1, len(line)) :]


def _bit_flipped(rng: Random, line: bytes) -> bytes:
    at = rng.randrange(len(line))
    return line[:at] + bytes([line[at] ^ (1 << rng.randrange(8))]) + line[at + 1 :]


def _byte_lost(rng: Random, line: bytes) -> bytes:
    at = rng.randrange(len(line))
    return line[:at] + line[at + 1 :]


def _random_byte(rng: Random, line: bytes) -> bytes:
    return _with(rng, line, bytes([rng.randrange(256)]))


def _span_doubled(rng: Random, line: bytes) -> bytes:
    start, end = sorted(rng.sample(range(len(line) + 1), 2))
    return line[:end] + line[start:]


def _span_moved(rng: Random, line: bytes) -> bytes:
    start, middle, end = sorted(rng.sample(range(len(line) + 1), 3))
    return line[:start] + line[middle:end] + line[start:middle] + line[end:]


def _span_zeroed(rng: Random, line: bytes) -> bytes:
    start, end = sorted(rng.sample(range(len(line) + 1), 2))
    return line[:start] + bytes(end - start) + line[end:]


def _with(rng: Random, line: bytes, more: bytes) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + more + line[at:]


def _inserted(more: bytes) -> Damage:
    return lambda rng, line: _with(rng, line, more)


def _in_text(more: bytes) -> Damage:
    return lambda _, line: line.replace(b'": "', b'": "' + more, 1)


def _temperature(text: bytes) -> Damage:
    return lambda _, line: line.replace(b'"temperature": ', b'"temperature": ' + text + b', "t": ', 1)


def _first_field(text: bytes) -> Damage:
    return lambda _, line: line.replace(b"{", b"{" + text + b", ", 1)


def _deep(rng: Random, line: bytes) -> bytes:
    depth = rng.choice((400, 501, 900, 1000, 1500, 2000))
    return line.replace(b"{", b'{"deep": ' + b"[" * depth + b"]" * depth + b", ", 1)


def _deep_unclosed(rng: Random, line: bytes) -> bytes:
    depth = rng.choice((400, 900, 2000))
    return line.replace(b"{", b'{"deep": ' + b'{"a":' * depth + b"1" + b"}" * (depth - 1) + b", ", 1)


def _whole(*texts: bytes) -> Damage:
    return lambda rng, _: rng.choice(texts)


RECORD_DAMAGE: Mapping[str, Damage] = {
    # Bytes
    "cut_end": _cut_end,
    "cut_start": _cut_start,
    "bit_flipped": _bit_flipped,
    "byte_lost": _byte_lost,
    "random_byte": _random_byte,
    "span_doubled": _span_doubled,
    "span_moved": _span_moved,
    "span_zeroed": _span_zeroed,
    "nul": _inserted(b"\0"),
    "control_character": _inserted(b"\x1c"),
    # Encoding
    "not_utf8": _inserted(b"\xff\xfe"),
    "not_utf8_and_backslashes": _inserted(b"\\\xff\\xff\\\\"),
    "half_a_character": _inserted(b"\xe2\x82"),
    "overlong": _in_text(b"\xc0\xaf"),
    "encoded_surrogate": _in_text(b"\xed\xa0\x80"),
    "latin_1": _first_field(b'"city": "M\xfcnchen"'),
    "beyond_the_plane": _in_text("\U0001f69a".encode()),
    "utf_16_line": lambda _, line: line.decode("latin-1").encode("utf-16"),
    "bom_inside": _inserted(b"\xef\xbb\xbf"),
    "line_separator": _inserted("\u2028".encode()),
    "no_break_space": _inserted("\u00a0".encode()),
    "half_an_escaped_pair": _in_text(b"\\ud800"),
    "bad_escape": _in_text(b"\\x41"),
    "raw_tab": _in_text(b"\t"),
    # Lines
    "line_end_inside": _inserted(b"\n"),
    "cr_lf_inside": _inserted(b"\r\n"),
    "lone_cr": _inserted(b"\r"),
    "blank_lines_inside": _inserted(b"\n \n\xe2\x80\x83\r\n"),
    "two_on_a_line": lambda _, line: line + line,
    "garbage_after": lambda _, line: line + b" // ok",
    "garbage_before": lambda _, line: b"INFO: " + line,
    # Structure
    "missing_brace": lambda _, line: line[:-1],
    "trailing_comma": lambda _, line: line[:-1] + b",}",
    "single_quotes": lambda _, line: line.replace(b'"', b"'"),
    "comment": _first_field(b'/* c */ "c": 1'),
    "duplicate_key": lambda _, line: line[:-1] + b', "temperature": 1.5, "truck_id": null}',
    "key_in_another_case": lambda _, line: line.replace(b'"truck_id"', b'"Truck_ID"', 1),
    "unquoted_key": lambda _, line: line.replace(b'"truck_id"', b"truck_id", 1),
    "deep": _deep,
    "deep_unclosed": _deep_unclosed,
    "in_an_array": lambda _, line: b"[" + line + b"]",
    "is_another_value": _whole(b"null", b"-12.5e3", b'"text"', b"true", b"NaN", b"{}", b"0", b"-"),
    "is_prose": _whole(b"<html>503</html>", b"]", b"}", b",", b"upstream timed out", b'"', b"\\", b"[", b"{"),
    # Values
    "nan": _temperature(b"NaN"),
    "infinity": _temperature(b"-Infinity"),
    "beyond_a_double": _temperature(b"1e999"),
    "below_a_double": _temperature(b"-1e-999"),
    "long_integer": _temperature(b"9" * 5000),
    "minus_zero": _temperature(b"-0"),
    "leading_zero": _temperature(b"007"),
    "leading_plus": _temperature(b"+7"),
    "number_as_text": _temperature(b'"7.5"'),
    "boolean": _temperature(b"false"),
    "object_for_number": _temperature(b'{"c": 7.5}'),
    "null_field": _temperature(b"null"),
    "blank_field": lambda _, line: line.replace(b'": "', b'": "\xc2\xa0 ", "x": "', 1),
    "timestamp_of_a_dead_calendar": lambda _, line: line.replace(b'"timestamp": "2026', b'"timestamp": "2026-02-30', 1),
    # Size: the caps are lowered, see test_fuzz
    "longer_than_a_record": lambda _, line: line[:-1] + b', "x": "' + b"x" * 70_000 + b'"}',
    "longer_and_not_utf8": lambda _, line: line[:-1] + b', "x": "' + b"\xff\\" * 35_000 + b'"}',
}
