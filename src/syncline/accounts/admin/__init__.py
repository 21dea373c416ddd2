"""What administrators do with users and all that belongs to them: a table of endpoints, answered below `/auth/v1`."""

from .asking import Administrator, Asked, Endpoint, Method
from .table import ENDPOINTS, find_endpoint

__all__ = ["ENDPOINTS", "Administrator", "Asked", "Endpoint", "Method", "find_endpoint"]
