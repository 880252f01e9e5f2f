"""The public API, one file per family of calls."""
