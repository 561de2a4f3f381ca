"""`swe-agent sessions` for a person: lists, one session, removal."""
