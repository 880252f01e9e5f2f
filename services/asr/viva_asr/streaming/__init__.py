"""Listening while somebody speaks: where turns begin and end, and the words so far."""
