"""Types of an application's functions and documents for its clients: TypeScript for the official one, Python for ours."""

from .files import GeneratedFiles, generate
from .python import GeneratedModule, generate_python

__all__ = ["GeneratedFiles", "GeneratedModule", "generate", "generate_python"]
