"""What a cluster is given: the Helm chart, the ArgoCD Application, and writing such files out of the package."""

from guarita.deploy.writing import write_and_tell

__all__ = ["write_and_tell"]
