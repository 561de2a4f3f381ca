"""What is known of the repository's code: a structural index of ten languages, and lookups for the model.

A file's content becomes a `Structure` (structure.py, by the grammar and query of its language), which is cached on disk
by content (store.py). `CodeIndex` (index.py) has those of a commit, workspace.py keeps it up to date with a sandbox,
ranking.py finds what an issue is about, and overview.py and lookup.py write it as text. languages.py says how to add a
language.
"""
