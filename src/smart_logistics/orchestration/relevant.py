"""Of all that a driver says, the lines that tell why it failed: warnings, errors, causes; frames of the engine do not.

A Java or Python trace is its exceptions, and of its frames those in our own code; the first frame stands for an
exception that has no message. What is said again with other numbers (each task of a stage says the same) counts once.
"""

from __future__ import annotations

import re

MOST_LINES = 25
# Of one trace that are shown in the task's log; the rest is the engine's way of calling itself.
_MOST_FRAMES = 8
_LONGEST = 600
_FRAME = re.compile(r"\s+at |\s+\.\.\. \d+ more|[\w.$/<>]+\([^)]*\)$|Driver stacktrace:|JVM stacktrace:|\s*$")
_PYTHON_FRAME = re.compile(r'\s+File "([^"]+)", line \d+')
_THROWN = re.compile(
    r"""(?:Caused\ by:\ |:\ |Exception\ in\ thread\ "[^"]*"\ )?
    (?P<what>[A-Za-z_][\w.$]*(?:Error|Exception|Interrupt|Exit)\b(?P<said>:.*)?)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBERS = re.compile(r"\b0x[0-9a-f]+\b|[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_OUT_OF_MEMORY = re.compile(r"[\w.]*OutOfMemoryError(?:: .*)?")
_TRACEBACK, _CALLING = "Traceback ", "An error occurred while calling "


class Relevant:
    """Feed it every line of level WARNING or above, in order; ask for ``lines`` and ``cause``."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, int]] = {}
        self._cause = ""
        self._record = ""
        self._repeated = False
        self._frames = 0
        self._wants_frame = False
        self._own_code = False

    def add(self, line: str, *, is_record: bool, ends_traceback: bool = False) -> bool:
        """Take a line; return whether it is worth showing: a trace that was shown before is not, nor a late frame.

        ``is_record``: it began with a time and a level. ``ends_traceback``: it is the exception of a Python traceback,
        whatever that is called.
        """
        if is_record or ends_traceback or self._is_head(line):
            self._keep_head(line, is_record=is_record, named=ends_traceback)
        elif frame := _PYTHON_FRAME.match(line):
            self._own_code = "smart_logistics" in frame[1]
            if self._own_code:
                self._keep(line)
        elif _FRAME.match(line):
            self._frames += 1
            if self._wants_frame and line.strip():
                self._keep(line)
                self._wants_frame = False
        elif self._own_code:
            self._keep(line)  # the code of the frame above
            self._own_code = False
        return not self._repeated and self._frames <= _MOST_FRAMES

    @staticmethod
    def _is_head(line: str) -> bool:
        return bool(_THROWN.match(line)) or not (line[0].isspace() or _FRAME.match(line))

    def _keep_head(self, line: str, *, is_record: bool, named: bool) -> None:
        thrown = None if is_record else _THROWN.match(line)
        if is_record:
            self._record = line
        if memory := _OUT_OF_MEMORY.search(line):
            self._cause = memory[0]
        elif (thrown or named) and not self._is_out_of_memory:
            self._cause = thrown["what"] if thrown else line
        self._repeated = _same(line) in self._kept
        self._own_code, self._frames = False, 0
        self._wants_frame = thrown is not None and not thrown["said"] and not self._repeated
        if not line.startswith((_TRACEBACK, _CALLING)):
            self._keep(line)

    @property
    def _is_out_of_memory(self) -> bool:
        return bool(_OUT_OF_MEMORY.match(self._cause))

    def _keep(self, line: str) -> None:
        same = _same(line)
        times = self._kept.pop(same, ("", 0))[1]
        self._kept[same] = (line[:_LONGEST].rstrip(), times + 1)
        if len(self._kept) > MOST_LINES:
            del self._kept[next(iter(self._kept))]

    @property
    def cause(self) -> str:
        """The innermost exception that was said last, one of memory before any other; else the last record."""
        return (self._cause or self._record)[:_LONGEST].strip()

    @property
    def lines(self) -> list[str]:
        """The last relevant lines, each once, with how often it was said."""
        return [line if times == 1 else f"{line} (said {times} times)" for line, times in self._kept.values()]


def _same(line: str) -> str:
    return _NUMBERS.sub("#", line.removeprefix(": "))[:_LONGEST]
