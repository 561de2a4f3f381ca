"""One attempt at one issue: what a strategy is given, prepared before the work and checked after it."""
