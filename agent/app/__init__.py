"""What every front end shares and no screen knows: tasks, delivery of a patch, interruption. Nothing here prints."""
