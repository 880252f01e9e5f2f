"""The HTTP calls of the tts service."""
