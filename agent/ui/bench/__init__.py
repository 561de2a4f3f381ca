"""`swe-agent bench` for a person: progress, tables, the HTML report."""
