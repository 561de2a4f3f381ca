"""`python -m agent`, the same as `swe-agent`."""

from agent.cli import main

if __name__ == "__main__":
    main()
