"""The Realtime WebSocket: the protocol, and the conversation behind it."""
