"""Benchmarks: datasets, sessions as processes of their own with many workers, scoring, what a run leaves on disk.

::

    load_tasks   (datasets/tasks.py)      a dataset's file → tasks
    run_tasks    (run.py)                 the workers; each hands its tasks to an executor and keeps the results
    Executor     (executors/base.py)      one task, start to end; LocalExecutor (executors/local.py) on this machine
    score        (scoring/score.py)       the deciding tests, in a fresh copy with the patch applied
    RunDirectory (directory.py)           what is kept, and which tasks are left
    BenchEvent   (events.py)              what a run's subscribers see
"""
