"""The least rights that a configuration needs: Roles in each cluster, and a policy in Vault or OpenBao."""

from guarita.rotation.rbac.policy import Grant, grants, hcl
from guarita.rotation.rbac.roles import manifests

__all__ = ["Grant", "grants", "hcl", "manifests"]
