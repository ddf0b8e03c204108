"""Checks as data, over every layer."""
