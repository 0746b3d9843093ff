"""Kubernetes: consumers found from pod specs, immutable versions of Secrets, restarts behind a strict gate."""

from guarita.rotation.kube.api import Api
from guarita.rotation.kube.cluster import KubeCluster
from guarita.rotation.kube.connect import connect
from guarita.rotation.kube.tokens import service_account_token

__all__ = ["Api", "KubeCluster", "connect", "service_account_token"]
