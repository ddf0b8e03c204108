"""What a driver prints, read line by line: its result, its error, and what is worth a line in the task's log."""

from __future__ import annotations

import json
import logging
import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from smart_logistics.errors import FAMILY, LogisticsError, by_exit_code
from smart_logistics.jobs.marks import ERROR, PROGRESS, RESULT
from smart_logistics.orchestration.relevant import Relevant

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
    r"\s|: |Caused by:|Suppressed:|(?:JVM|Driver) stacktrace:|\w+(\.\w+)*(Error|Exception)\b|[\w.$/<>]+\([^)]*\)$"
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
    """Feed it every line; then ask for ``result``, ``failure``, ``committed`` (rows by table) and ``relevant``."""

    result: dict[str, Any] | None = None
    committed: Counter[str] = field(default_factory=Counter)
    relevant: Relevant = field(default_factory=Relevant)
    _error: dict[str, str] | None = None
    _level: int = logging.INFO
    _in_traceback: bool = False

    def read(self, line: str) -> tuple[int, str] | None:
        """Take a line of output; return its level and text, or None where it is noise or one of our own marks."""
        line = line.rstrip()
        mark, _, text = line.partition(" ")
        if mark in (RESULT, ERROR, PROGRESS):
            return self._read_mark(mark, text)  # whole: it may hold the names of twenty files
        line = line[:_LONGEST_LINE]
        if not line or _NOISE.match(line):
            return None
        record = _RECORD.match(line)
        # The exception of a Python traceback is its first line that is not indented, whatever its class is called.
        ends_traceback = self._in_traceback and record is None and not line[0].isspace()
        if record or ends_traceback:
            self._in_traceback = False
        if record:
            self._level, line = _LEVELS[record[1]], record[2]
        elif _START_OF_A_TRACE.match(line):
            self._level, self._in_traceback = logging.ERROR, line.startswith("Traceback ")
        elif not ends_traceback and not _OF_A_TRACE.match(line):
            self._level = logging.INFO
        if self._level < logging.WARNING:
            return self._level, line
        worth = self.relevant.add(line, is_record=record is not None, ends_traceback=ends_traceback)
        return (self._level, line) if worth else None

    def _read_mark(self, mark: str, text: str) -> tuple[int, str] | None:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return logging.ERROR, f"{mark} that is not a JSON object: {text[:_LONGEST_LINE]}"
        if mark == PROGRESS:
            table, rows = str(value.get("table")), int(value.get("rows") or 0)
            self.committed[table] += rows
            return logging.INFO, f"committed {rows} row(s) of {table}"
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
        how = _how(code)
        cause = self.relevant.cause
        what = f"the driver of {job} {how} without giving a reason" + (f"; last it said: {cause}" if cause else "")
        if kind is LogisticsError:
            return JobCrashed(what, remedy="see the task's log; what was committed stays, a retry continues from there")
        return kind(what)


def _how(code: int) -> str:
    """Say how a process ended: -n and 128 + n are signal n, as Python and as a shell have it."""
    number = -code if code < 0 else code - 128
    try:
        return f"was ended by signal {number} ({signal.Signals(number).name})"
    except ValueError:  # no signal, but a code of its own
        return f"ended with code {code}"
