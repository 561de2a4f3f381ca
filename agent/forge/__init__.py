"""Issues in, pull requests out."""
