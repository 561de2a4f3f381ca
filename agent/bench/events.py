"""The events of a benchmark run, in the order they happen; terminals and JSON lines subscribe to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.bench.results import TaskFailure, TaskResult


@dataclass(frozen=True)
class TaskBegan:
    """A worker has taken a task."""

    instance_id: str


@dataclass(frozen=True)
class TaskFinished:
    """A task has its result."""

    result: TaskResult


@dataclass(frozen=True)
class TaskPrevented:
    """Infrastructure prevented a task; it has no result."""

    failure: TaskFailure


@dataclass(frozen=True)
class Notice:
    """A line about the run as a whole."""

    message: str


BenchEvent = TaskBegan | TaskFinished | TaskPrevented | Notice
BenchSubscriber = Callable[[BenchEvent], None]
