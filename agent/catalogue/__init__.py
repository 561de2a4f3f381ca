"""What models there are, what they need, and what fits this machine."""
