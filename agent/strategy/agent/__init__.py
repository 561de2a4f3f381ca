"""The model decides: its replies, its tool calls, and what keeps a session of them on its way."""
