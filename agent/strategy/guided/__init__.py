"""The program decides, phase by phase: issue, reproduce, localise, repair, validate."""
