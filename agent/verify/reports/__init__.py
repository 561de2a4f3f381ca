"""Test results out of what runners print or write."""
