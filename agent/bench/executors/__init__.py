"""Where the tasks of a benchmark run."""
