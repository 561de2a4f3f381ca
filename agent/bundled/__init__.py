"""The bundled model runtime: which file at which window, the child process, the server in front of it."""
