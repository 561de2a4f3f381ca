"""Whether a task is solved, and the statistics of a run."""
