"""What `swe-agent models` prints; a module for each command."""
