"""What the command line prints; every screen subscribes to the events of a session or of a benchmark run."""
