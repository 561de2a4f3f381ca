"""Real bugs that others wrote, fixed by `swe-agent` and by its peers on the same server, and counted."""
