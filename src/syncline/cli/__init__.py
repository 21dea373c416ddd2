"""The command line. Only what a command needs is imported, when it runs: `--help` must be instant."""

from .main import main

__all__ = ["main"]
