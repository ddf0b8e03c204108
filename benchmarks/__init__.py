"""Measurements of the real jobs at sizes that no test has time for."""
