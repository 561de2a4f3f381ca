"""A command that fails on the base commit as the issue says."""
