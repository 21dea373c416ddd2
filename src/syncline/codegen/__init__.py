"""Typed TypeScript from an application: what the official client needs to check calls against Python hints."""

from .files import GeneratedFiles, generate

__all__ = ["GeneratedFiles", "generate"]
