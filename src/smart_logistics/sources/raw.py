"""How much of a file is held at once, and how bytes are kept as text without loss. Standard library only.

The caps stand between a hostile file and an out-of-memory. What lies beyond them becomes a dead letter; the file itself
is kept whole in ``archive/`` or ``failed/``.
"""

from __future__ import annotations

# A longer record is not read but rejected; a reading has some two hundred bytes.
MAX_RECORD_BYTES = 16 * 2**20
# Of a piece longer than a record may be, so much is kept as its raw text.
HEAD_BYTES = 2**20
# Of one file, so much is read, after decompression; the rest is one malformed record.
MAX_CONTENT_BYTES = 8 * 2**30
# In the detail of every dead letter whose raw text is escaped.
ESCAPED = r"not UTF-8, shown as \xNN and \\"


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def lossless(data: bytes) -> str:
    r"""Return bytes as text: their UTF-8 reading, or else ``\xNN`` for what is not UTF-8 and ``\\`` for a backslash."""
    if is_utf8(data):
        return data.decode()
    return data.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def is_blank(line: bytes) -> bool:
    """Return whether a line is UTF-8 and nothing but Unicode white space."""
    if line and 0x20 < line[0] < 0x80:
        return False
    return is_utf8(line) and not line.decode().strip()


class Kept:
    """A piece of unknown length: whole up to the longest record, else its head; blank or not."""

    def __init__(self, data: bytes = b"") -> None:
        self.total = 0
        self._data = bytearray()
        self._ascii_blank = True
        self.add(data)

    def add(self, data: bytes) -> None:
        """Append bytes; past the longest record only their number counts."""
        self.total += len(data)
        self._ascii_blank = self._ascii_blank and not data.strip()
        if not self.is_long:
            self._data += data
        elif len(self._data) != HEAD_BYTES:
            self._data = (self._data + data[:HEAD_BYTES])[:HEAD_BYTES]

    @property
    def is_long(self) -> bool:
        """Whether it is longer than a record may be."""
        return self.total > MAX_RECORD_BYTES

    @property
    def is_blank(self) -> bool:
        """Whether it holds white space only; where it is too long to be kept, white space of ASCII."""
        return self._ascii_blank if self.is_long else is_blank(self.data)

    @property
    def data(self) -> bytes:
        """The piece, or its head."""
        return bytes(self._data)

    @property
    def text(self) -> str:
        """The piece as text, or its head."""
        return lossless(self.data)

    @property
    def note(self) -> str:
        """What to add to a detail where the text is escaped or is the head only."""
        escaped = "" if is_utf8(self.data) else f"; {ESCAPED}"
        if not self.is_long:
            return escaped
        return (
            f"{escaped}; {self.total} bytes, a record has at most {MAX_RECORD_BYTES}: here are the first {HEAD_BYTES}"
        )
