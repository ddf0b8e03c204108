"""The run log and what it says."""
