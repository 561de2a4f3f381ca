"""Opening hours, durations and intervals for a small booking service."""
