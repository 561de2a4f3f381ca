"""Which functions are likely to hold the bug."""
