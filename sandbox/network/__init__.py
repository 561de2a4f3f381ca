"""The network of a sandbox while it is open."""
