"""What the official command line and ours ask of a deployment: imports, exports, variables. All need the admin key."""

from .endpoints import DeploymentEndpoints

__all__ = ["DeploymentEndpoints"]
