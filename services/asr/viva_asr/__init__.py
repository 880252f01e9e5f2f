"""Speech to text with times, behind OpenAI's transcription API."""
