"""Scheduled functions: the driver that has them run when they are due."""

from .driver import Jobs, JobsEngine, Later, Timer
from .due import DueQueue
from .stats import JobStats

__all__ = ["DueQueue", "JobStats", "Jobs", "JobsEngine", "Later", "Timer"]
