"""What `swe-agent sessions` prints; a module for each command."""
