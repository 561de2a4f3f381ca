"""The context window: how it is divided, what the prompt takes of it, and how the prompt is made shorter."""
