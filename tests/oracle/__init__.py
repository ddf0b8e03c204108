"""The oracle: what every table must hold, recomputed in plain Python by the contract's text alone.

It shares no code with the pipeline and uses the standard library only (``load`` reads Delta by deltalake), so that a
misreading of the contract on either side shows as a difference. ``expect(Source(...))`` gives the tables,
``differences(expected, read)`` compares them with what a lake holds, and ``python -m tests.oracle LAKEHOUSE
ARCHIVE_PARENT`` audits a real one.
"""

from __future__ import annotations

from tests.oracle.compare import differences
from tests.oracle.expect import Expected, expect
from tests.oracle.model import Deletion, Rules, Source, TakenFile, Version

__all__ = ["Deletion", "Expected", "Rules", "Source", "TakenFile", "Version", "differences", "expect"]
