"""Simulated callers who behave like people, and what they saw as a report. `python -m loadtest --help`."""
