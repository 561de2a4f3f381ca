"""Issues and repositories in; patches and branches out."""
