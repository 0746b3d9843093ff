"""Attacks on an application by what its own policy says: `pytest --guarita-attack app:app`."""

from guarita.gateway.testing.attack import (  # noqa: F401  # each registers its attacks
    access,
    apikeys,
    cookies,
    headers,
    opaque,
    paths,
    proofs,
    tokens,
)
