"""Benchmark datasets: the tasks of a file, and the repository of each."""
