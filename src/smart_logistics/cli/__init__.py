"""The console script `logistics`: one module for each group of commands."""
