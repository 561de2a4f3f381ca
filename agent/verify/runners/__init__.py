"""One module per test runner, each with one `Runner` that holds all its parts; `registry.py` lists them."""
