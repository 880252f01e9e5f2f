"""The llm stage: OpenAI's chat API in front of an ordered list of backends."""
