"""The tts stage: text in, speech out, the first sentence first."""
