"""Candidates: asked for, rewritten, mutated."""
