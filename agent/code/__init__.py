"""Knowing the code: a structural index of the repository, and questions to it."""
