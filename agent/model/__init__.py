"""The model: a streaming client, the servers it may be behind, the dialects it may call tools in."""
