"""Checks as data, over every layer: what is measured (facts, findings), what may be, and what a breach means."""
