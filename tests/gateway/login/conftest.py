import portal as portals
import pytest

from guarita.gateway.testing.fixtures import local_provider  # noqa: F401  # what `provider` is made of


@pytest.fixture
def provider(local_provider):  # noqa: F811  # pytest gives the fixture
    local_provider.client = ("portal", "secret+of/portal")
    local_provider.claims = {"groups": ["staff"]}
    return local_provider


@pytest.fixture
def portal(tmp_path, provider):
    """A site that keeps its sessions in memory."""
    made = portals.Portal(portals.configured(tmp_path, provider), provider)
    with made.client:
        yield made
