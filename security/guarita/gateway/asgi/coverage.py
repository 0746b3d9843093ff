"""Routes of an application that the access policy covers nowhere: found at the start, not by a user."""

from __future__ import annotations

from typing import Any

from guarita.gateway.grant import AccessPolicy


def uncovered(app: Any, policy: AccessPolicy) -> list[str]:
    """`GET /docs/{id}` for each endpoint that is refused to everybody, since no rule covers it.

    Nothing for an application whose routes cannot be read, or a policy that is not of guarita.yaml.
    """
    from guarita.gateway.endpoints import endpoints  # noqa: PLC0415  # the policy's own package, at the start only
    from guarita.policy import access  # noqa: PLC0415

    if not isinstance(policy, access.AccessPolicy):
        return []
    known = [
        endpoint for endpoint in endpoints(app) if (endpoint.method, endpoint.path) != ("*", "/{path:path}")
    ]
    return [f"{endpoint.method} {endpoint.path}" for endpoint in access.uncovered(policy, known)]
