"""Executors: where the tasks of a benchmark are worked on."""
