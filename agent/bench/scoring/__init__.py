"""Whether a task is solved, and what a run's figures are worth."""
