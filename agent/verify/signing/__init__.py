"""Signed reports: programs that run inside the sandbox and sign what the test runner reported, and their check.

docs/decisions/0025-signed-reports.md says what a signature shows and what it can't.
"""
