"""What is done with a row by a merge: the column that says so, and its values. Standard library only."""

from __future__ import annotations

OPERATION = "_operation"
INSERT = "I"
UPDATE = "U"
DELETE = "D"
