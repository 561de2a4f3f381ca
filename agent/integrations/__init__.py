"""Settings for other tools that are to use the same model server."""
