"""Where the tasks of a benchmark come from."""
