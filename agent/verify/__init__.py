"""Runs tests, reads what they report, and gives the evidence for a patch: before it, and with it."""
