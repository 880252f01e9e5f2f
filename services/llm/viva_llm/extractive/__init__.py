"""Answers from the lecture's own words; see `answerer` for the method."""

from viva_llm.extractive.answerer import Answer, Answerer

__all__ = ["Answer", "Answerer"]
