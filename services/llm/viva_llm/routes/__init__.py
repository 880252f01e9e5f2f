"""The HTTP API of the llm service, one file per noun."""
