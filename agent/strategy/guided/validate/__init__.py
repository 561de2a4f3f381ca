"""Candidates tried by the tests, and the best of those that pass."""
