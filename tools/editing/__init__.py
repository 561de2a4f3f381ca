"""Text edits as models write them: found in a file, matched patiently, applied without changing anything else."""
