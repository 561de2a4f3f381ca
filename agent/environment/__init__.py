"""What a repository needs to run: its test command and its setup command, found in its files."""
