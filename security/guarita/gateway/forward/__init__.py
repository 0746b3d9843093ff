"""The gateway as a server that a proxy asks: nginx `auth_request`, Traefik ForwardAuth, Envoy ext_authz over HTTP."""

from guarita.gateway.forward.app import ForwardAuth

__all__ = ["ForwardAuth"]
