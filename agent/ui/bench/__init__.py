"""What `swe-agent bench` prints: progress, tables, the HTML report; a module for each command."""
