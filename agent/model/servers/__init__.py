"""The servers a model may be behind."""
