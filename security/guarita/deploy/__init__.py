"""What a cluster is given: the Helm chart, the ArgoCD Application, and writing such files out of the package."""

from guarita.deploy.writing import written_out

__all__ = ["written_out"]
