"""`swe-agent models` for a person: what fits, downloads, the bundled server, other tools' settings."""
