"""Finding and running tests; the evidence before and after."""
