"""What an issue's text holds: code, expected values, stack traces."""
