"""Many tasks, many workers: task sets, sessions as processes of their own, scoring, what a run leaves on disk.

::

    load_tasks   (tasks.py)      a task set's file → tasks
    run_tasks    (run.py)        the workers; each hands its tasks to an executor and keeps what comes back
    Executor     (executor.py)   one task, start to end; LocalExecutor (local.py) does it on this machine
    score        (score.py)      the tests that decide, in a fresh copy with the patch
    RunDirectory (directory.py)  what is kept, and what is still to do
"""
