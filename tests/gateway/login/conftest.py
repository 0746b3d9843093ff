import portal as portals
import pytest

from guarita.gateway.testing.provider import LocalProvider


@pytest.fixture
def provider():
    with LocalProvider() as running:
        running.client = ("portal", "secret+of/portal")
        running.claims = {"groups": ["staff"]}
        yield running


@pytest.fixture
def portal(tmp_path, provider):
    """A site that keeps its sessions in memory."""
    made = portals.Portal(portals.configured(tmp_path, provider), provider)
    with made.client:
        yield made
