"""What a driver prints, read line by line: its result, its error, and what is worth a line in the task's log."""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from smart_logistics.errors import FAMILY, LogisticsError, by_exit_code

RESULT, ERROR = "LOGISTICS_RESULT", "LOGISTICS_ERROR"
_TAIL = 30
_LONGEST_LINE = 4000
_LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
_RECORD = re.compile(
    r"\d{2,4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?\s+(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\s+(.*)", re.DOTALL
)
_OF_A_TRACE = re.compile(
    r"\s|: |Caused by:|Suppressed:|JVM stacktrace:|\w+(\.\w+)*(Error|Exception)\b|[\w.$/<>]+\([^)]*\)$"
)
_START_OF_A_TRACE = re.compile(r"Traceback |Exception in thread |An error occurred while calling ")
_NOISE = re.compile(
    r"""\[Stage\ \d+:|WARNING:\ (?:Using\ incubator|A\ (?:terminally|restricted)|sun\.|Use\ --|Please)|
    Setting\ default\ log\ level|To\ adjust\ logging\ level|Using\ Spark's\ default\ log4j|
    (?:NOTE:\ )?Picked\ up\ \w*JAVA|.*NativeCodeLoader|:: loading\ settings|OpenJDK\ 64-Bit\ Server\ VM\ warning""",
    re.VERBOSE,
)


class JobCrashed(LogisticsError):
    """A driver ended without saying why: killed, out of memory, or a fault of the job itself. A retry may help."""

    transient = True


@dataclass
class DriverLog:
    """Feed it every line; then ask for ``result`` and ``failure``."""

    result: dict[str, Any] | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    _error: dict[str, str] | None = None
    _level: int = logging.INFO

    def read(self, line: str) -> tuple[int, str] | None:
        """Take a line of output; return its level and text, or None where it is noise or one of our own marks."""
        line = line.rstrip()
        mark, _, text = line.partition(" ")
        if mark in (RESULT, ERROR):
            return self._read_mark(mark, text)  # whole: it may hold the names of twenty files
        line = line[:_LONGEST_LINE]
        if not line or _NOISE.match(line):
            return None
        if record := _RECORD.match(line):
            self._level, line = _LEVELS[record[1]], record[2]
        elif _START_OF_A_TRACE.match(line):
            self._level = logging.ERROR
        elif not _OF_A_TRACE.match(line):
            self._level = logging.INFO
        if self._level >= logging.WARNING:
            self.tail.append(line)
        return self._level, line

    def _read_mark(self, mark: str, text: str) -> tuple[int, str] | None:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return logging.ERROR, f"{mark} that is not a JSON object: {text[:_LONGEST_LINE]}"
        if mark == RESULT:
            self.result = value
        else:
            self._error = {key: str(found) for key, found in value.items()}
        return None

    def failure(self, job: str, code: int) -> LogisticsError:
        """Return why a driver that ended with ``code`` failed, as one of our family."""
        if self._error is not None:
            named = self._error.get("type")
            kind = next((error for error in FAMILY if error.__name__ == named), by_exit_code(code))
            return kind(self._error.get("what") or f"{job} failed", remedy=self._error.get("remedy", ""))
        kind = by_exit_code(code)
        how = f"was ended by signal {code - 128}" if code > 128 else f"ended with code {code}"
        last = next((line for line in reversed(self.tail) if line.strip() and not line[0].isspace()), "")
        what = f"the driver of {job} {how} without giving a reason" + (f"; last it said: {last[:500]}" if last else "")
        if kind is LogisticsError:
            return JobCrashed(what, remedy="see the task's log; what was committed stays, a retry continues from there")
        return kind(what)
