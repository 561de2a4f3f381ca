"""The window: what fits, and what to do before it is full."""
