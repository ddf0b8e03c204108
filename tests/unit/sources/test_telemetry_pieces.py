"""Splitting a file into records: every byte in one of them, memory bounded, the oracle's reading of the contract."""

from __future__ import annotations

import json
import math
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_logistics.sources import content, deep_json, pieces, raw
from smart_logistics.sources.content import FileContent
from smart_logistics.sources.pieces import Piece
from smart_logistics.sources.telemetry import fields
from tests.oracle import files
from tests.oracle.hostile_data import hostile_waves
from tests.unit.sources.contents import BETWEEN_ELEMENTS, BETWEEN_LINES, Bytes, unaccounted

FRAGMENTS = (
    *(b"\n", b"\r\n", b"\r", b" ", b"\t", b"\xef\xbb\xbf", b"\xc2\xa0", b"\x1c", b"\x00", b"\xff", b"\xe2\x80", b"\\"),
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"1", b"-", b"1e5", b"nul", b"l", b"NaN", b"true", b'"\\u00e9"'),
    *(b"{}", b'{"a": 1}', b'{"a": [1, {"b": "]\\""}]}', b'{"a": "\xc3\xa9"}', b'{"a": "\xff"}', b'{"a": "\\ud800"}'),
    *(b'{"a": 1},\n', b'{"a": 1}\n', b"[{},", b"{}]", b"\\xff", b"\\\\"),
)
CONTENTS = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)
STEPS = st.integers(1, 9)


def is_array(data: bytes) -> bool:
    lines = data.removeprefix(pieces.BOM).split(b"\n")
    first = next((line for line in lines if not raw.is_blank(line)), b"")
    return first.lstrip(b" \t\r").startswith(b"[")


def same(value: Any, other: Any) -> bool:
    """Equality in which a NaN is equal to itself."""
    return bool(json.dumps(value) == json.dumps(other))


def agrees(found: list[Piece], wanted: files.Content) -> bool:
    if wanted.status == "FAILED":
        return bool(found) and all(piece.value is None for piece in found)
    return len(found) == len(wanted.records) and all(
        same(piece.value, record.value)
        and (piece.value is None or piece.text.strip(" \t\r\n") == record.text.strip(" \t\r\n"))
        for piece, record in zip(found, wanted.records, strict=True)
    )


@settings(max_examples=1500, deadline=None)
@given(CONTENTS, STEPS)
def test_every_byte_is_in_a_piece_or_between_pieces(data: bytes, step: int) -> None:
    found = list(pieces.pieces(Bytes(data, step)))
    between = BETWEEN_ELEMENTS if is_array(data) else BETWEEN_LINES
    assert unaccounted(data.removeprefix(pieces.BOM), found, between) == b""


@settings(max_examples=1500, deadline=None)
@given(CONTENTS, STEPS, st.booleans())
def test_pieces_are_those_of_the_oracle_however_the_bytes_arrive(data: bytes, step: int, whole: bool) -> None:
    found = list(pieces.pieces(Bytes(data, step, None if whole else "cut")))
    wanted = [(text, value) for text, value in files._pieces(data.removeprefix(pieces.BOM), whole)]
    assert [piece.value is None for piece in found] == [value is None for _, value in wanted]
    assert all(same(piece.value, value) for piece, (_, value) in zip(found, wanted, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_hostile_files_are_read_as_the_oracle_reads_them(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = (1, 7, 64, 1000, 2**16)[seed % 5]
    monkeypatch.setattr(content, "CHUNK_BYTES", step)
    monkeypatch.setattr(content, "_ZIPPED_CHUNK_BYTES", step)
    path = tmp_path / "file"
    for name, data in (file for wave in hostile_waves(seed, files=120) for file in wave.files):
        if files.is_taken(name):
            path.write_bytes(data)
            given_ = FileContent(
                path, len(data), md5(data, usedforsecurity=False).hexdigest(), zipped=name.endswith(".gz")
            )
            assert agrees(list(pieces.pieces(given_)), files.read(name, data)), (name, data)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_a_number_that_a_chunk_cuts_is_one_element(step: int) -> None:
    found = list(pieces.pieces(Bytes(b'[12.5e3 ,-1.25E+2, {"a": 1}, 7]', step)))
    assert [piece.text for piece in found] == ["12.5e3", "-1.25E+2", '{"a": 1}', "7"]


def test_a_record_longer_than_the_cap_is_rejected_and_the_lines_after_it_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(raw, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(raw, "HEAD_BYTES", 10)
    just_fits = b'{"a": "%s"}' % (b"x" * 91)
    assert len(just_fits) == 100
    data = b"\n".join((b"{}", just_fits, just_fits[:-1] + b" }", b" " * 300, b"x" * 1000, b'{"b": 2}'))
    for step in (1, 7, 99, 5000):
        found = list(pieces.pieces(Bytes(data, step)))
        assert [piece.value is not None for piece in found] == [True, True, False, False, True]
        assert found[3].text == "x" * 10
        assert "1000 bytes" in (found[3].malformed or "")


def test_an_element_longer_than_the_cap_ends_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(raw, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(raw, "HEAD_BYTES", 10)
    for step in (1, 7, 5000):
        found = list(pieces.pieces(Bytes(b'[{"a": 1}, {"b": "%s"}, {"c": 1}]' % (b"y" * 200), step)))
        assert [piece.text for piece in found] == ['{"a": 1}', '{"b": "yyy']


@pytest.mark.parametrize("form", [b"%s", b"[%s]"])
@pytest.mark.parametrize("inside", [(b"[", b"]"), (b'{"b":', b"1}")])
@pytest.mark.parametrize("depth", [499, 501, 930, 1000, 5_000, 100_000])
def test_an_object_is_one_however_deep_it_is(form: bytes, inside: tuple[bytes, bytes], depth: int) -> None:
    opening, closing = inside
    nested = opening * depth + (b"" if opening == b"[" else b"1") + closing[-1:] * depth
    deep = b'{"truck_id": "A", "a": %s, "temperature": -0}' % nested
    for step in (4099, 2**20):
        (found,) = pieces.pieces(Bytes(form % deep, step))
        assert found.text.encode() == deep
        assert found.value is not None
        assert (list(found.value), found.value["truck_id"]) == (["truck_id", "a", "temperature"], "A")
        assert math.copysign(1, found.value["temperature"]) == -1
        assert fields(found.value).schema_error is None


@pytest.mark.parametrize("end", [b"", b"]", b"]]}", b"},", b"]}}", b"] 1}", b"],}", b"]}{"])
@pytest.mark.parametrize("depth", [400, 2_000])
def test_depth_excuses_no_damage(depth: int, end: bytes) -> None:
    (found,) = pieces.pieces(Bytes(b'{"a": ' + b"[" * depth + b"]" * (depth - 1) + end))
    assert found.value is None
    assert (found.malformed or "").startswith("not JSON: ")


@settings(max_examples=2000, deadline=None)
@given(
    st.lists(
        st.sampled_from([*'{}[]:, "\n', '"a"', '"b"', '"a":', "1", "-0", "NaN", "tru", "e", '"\\u12']), max_size=30
    )
)
def test_the_flat_reading_has_the_decoders_grammar(parts: list[str]) -> None:
    text = "".join(parts)
    for at in range(min(len(text), 3)):
        if text[at] in "{[":
            assert flat(text, at) == shallow(text, at)


def flat(text: str, at: int) -> object:
    try:
        value, end = deep_json._flat(text, at)
    except json.JSONDecodeError:
        return None
    return kinds(value), end


def shallow(text: str, at: int) -> object:
    try:
        value, end = deep_json.DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        return None
    return kinds(value), end


def kinds(value: Any) -> Any:
    """Members, of nested ones the kind only."""
    return {key: kind(one) for key, one in value.items()} if isinstance(value, dict) else type(value)


def kind(value: Any) -> Any:
    return type(value) if isinstance(value, dict | list) else json.dumps(value)


def test_a_deep_value_of_the_wrong_type_is_shown_without_being_walked() -> None:
    for depth in (900, 5_000):
        (found,) = pieces.pieces(Bytes(b'{"truck_id": ' + b"[" * depth + b"]" * depth + b"}"))
        assert found.value is not None
        assert "truck_id=[" in (fields(found.value).schema_error or "")


def test_brackets_in_texts_are_not_nesting() -> None:
    record = json.dumps({"a": "[" * 5000, "b": '\\"[{' * 500}).encode()
    (found,) = pieces.pieces(Bytes(record))
    assert found.value is not None


def test_a_number_beyond_a_double_parses_and_is_judged_later() -> None:
    (found,) = pieces.pieces(Bytes(b'{"a": 1%s, "b": 1e999}' % (b"0" * 5000)))
    assert found.value == {"a": math.inf, "b": math.inf}


@given(st.binary(max_size=60))
def test_bytes_kept_as_text_are_not_lost(data: bytes) -> None:
    text = raw.lossless(data)
    detail = None if raw.is_utf8(data) else raw.ESCAPED
    assert unaccounted(data, [Piece(text, None, detail)], BETWEEN_LINES) == b""
