"""Who decides the next action: the model (`agent`), or the program asking it narrow questions (`guided`)."""
