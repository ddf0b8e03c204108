"""Reading a claimed file: gzip in every state, bounded memory, and no byte but those that were hashed."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_logistics.sources import content
from smart_logistics.sources.content import ContentChangedError, FileContent, digest, open_regular
from smart_logistics.sources.telemetry_file import FileRecords
from tests.oracle import files


def opened(path: Path, data: bytes, *, zipped: bool = True, limit: int = 2**40) -> FileContent:
    path.write_bytes(data)
    return FileContent(path, len(data), md5(data, usedforsecurity=False).hexdigest(), zipped=zipped, limit=limit)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_gzip_gives_what_the_oracle_can_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    texts = data.draw(st.lists(st.binary(max_size=40).map(lambda text: text * 50), min_size=1, max_size=3))
    zipped = b"".join(gzip.compress(text, mtime=0) for text in texts) + data.draw(
        st.sampled_from((b"", bytes(9), b"x"))
    )
    kind = data.draw(st.sampled_from(("whole", "cut", "flipped")))
    at = data.draw(st.integers(0, len(zipped) - 1))
    if kind == "cut":
        zipped = zipped[:at]
    elif kind == "flipped":
        zipped = zipped[:at] + bytes([zipped[at] ^ 4]) + zipped[at + 1 :]
    path = tmp_path_factory.getbasetemp() / "gzip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "_ZIPPED_CHUNK_BYTES", data.draw(st.integers(1, 50)))
        patch.setattr(content, "CHUNK_BYTES", data.draw(st.integers(1, 50)))
        found = opened(path, zipped)
        assert (b"".join(found), found.damage is None) == files.inflate(zipped)


def test_a_bomb_is_read_in_bounded_memory_and_up_to_the_limit(tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(300)) + packer.flush()
    found = opened(tmp_path / "bomb", bomb, limit=200 * 2**20)
    tracemalloc.start()
    assert sum(map(len, found)) == 200 * 2**20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
    assert "more than" in (found.damage or "")


def test_what_lies_beyond_the_limit_is_one_malformed_record(tmp_path: Path) -> None:
    records = FileRecords(lambda: opened(tmp_path / "f", b'{"a": 1}\n' * 10, zipped=False, limit=32))
    positions = [position for position, _ in records]
    assert (positions, records.found, records.rejected, records.error) == ([1, 2, 3, 4], 4, 1, None)


@pytest.mark.parametrize("change", [b"[]", b"{}", b""])
def test_bytes_that_are_not_those_that_were_hashed_are_not_read(tmp_path: Path, change: bytes) -> None:
    found = opened(tmp_path / "f", b"{}\n", zipped=False)
    (tmp_path / "f").write_bytes(change)
    with pytest.raises(ContentChangedError):
        list(found)


def test_bytes_appended_after_the_hash_are_not_read(tmp_path: Path) -> None:
    found = opened(tmp_path / "f", b"{}\n", zipped=False)
    (tmp_path / "f").write_bytes(b"{}\n{}\n")
    assert b"".join(found) == b"{}\n"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "f")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(OSError, match=r"links|regular"):
            open_regular(tmp_path / name)
    assert digest(tmp_path / "f") == (md5(b"{}", usedforsecurity=False).hexdigest(), 2)


@pytest.mark.parametrize("junk", [0, 5, 1500])
@pytest.mark.parametrize("has_record", [True, False])
def test_a_file_has_failed_only_where_not_one_record_can_be_read(tmp_path: Path, junk: int, has_record: bool) -> None:
    data = b"x\n" * junk + (b"{}\nx\n" if has_record else b"")
    records = FileRecords(lambda: opened(tmp_path / "f", data, zipped=False))
    given_ = list(records)
    if has_record:
        assert [piece.value is None for _, piece in given_] == [True] * junk + [False, True]
        assert (records.found, records.rejected, records.error) == (junk + 2, junk + 1, None)
    else:
        assert (given_, records.found, records.rejected) == ([], 0, 0)
        assert (records.error is not None) is (junk > 0)
