"""Viva: ask a recorded lecture questions out loud, and hear the answer with the seconds it rests on."""

__version__ = "0.1.0"
