"""Lectures: uploaded once, transcribed by whichever replica is free, read by every turn."""

from viva_orchestrator.lectures.lectures import Lectures
from viva_orchestrator.lectures.model import Lecture, Transcript
from viva_orchestrator.lectures.settings import LectureSettings

__all__ = ["Lecture", "LectureSettings", "Lectures", "Transcript"]
