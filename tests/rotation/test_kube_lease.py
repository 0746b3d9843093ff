"""The Lease: one runner at a time, taken over when its holder is silent, by the server's clock alone."""

from concurrent.futures import ThreadPoolExecutor

import kubeing
import pytest

LEASE = "guarita-rotation"


def test_one_holds_it_and_gives_it_back(kube):
    other = kube.another()
    assert kube.cluster.acquire("a", 30) is None
    assert other.acquire("b", 30) == "a"
    assert kube.cluster.acquire("a", 30) is None, "renewed"
    kube.cluster.release("a")
    assert other.acquire("b", 30) is None
    assert kube.cluster.acquire("a", 30) == "b"
    kube.cluster.release("a")
    assert kube.read("leases", LEASE)["spec"]["holderIdentity"] == "b", "only its holder gives it back"
    assert kube.read("leases", LEASE)["spec"]["leaseTransitions"] == 1
    other.close()


def test_a_silent_holder_loses_it(kube):
    other = kube.another()
    assert kube.cluster.acquire("a", 1) is None
    assert other.acquire("b", 30) == "a"
    assert kubeing.wait_for(lambda: other.acquire("b", 30) is None)
    assert kube.cluster.acquire("a", 1) == "b"
    other.close()


def test_of_two_that_take_it_over_at_once_one_gets_it(kube):
    others = [kube.another() for _ in range(4)]
    assert kube.cluster.acquire("gone", 1) is None

    def take(n):
        return others[n].acquire(f"runner-{n}", 30)

    kubeing.wait_for(lambda: kube.cluster._api.now() > 0)
    with ThreadPoolExecutor(4) as pool:
        kubeing.wait_for(lambda: list(pool.map(take, range(4))).count(None) > 0)
        answers = list(pool.map(take, range(4)))
    assert answers.count(None) == 1
    assert len({answer for answer in answers if answer}) == 1
    for other in others:
        other.close()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_answer_that_is_lost_is_read_back(kube, method):
    if method == "PUT":
        assert kube.cluster.acquire("a", 30) is None
    kube.server.fault("lose", method=method, path="*/leases*")
    assert kube.cluster.acquire("a", 30) is None
    other = kube.another()
    assert other.acquire("b", 30) == "a"
    other.close()


def test_a_clock_that_is_wrong_at_the_runner_does_no_harm(kube):
    """Times in the Lease are the server's: a runner's own clock is asked only how much time has passed."""
    assert kube.cluster.acquire("a", 30) is None
    renewed = kube.read("leases", LEASE)["spec"]["renewTime"]
    assert renewed.endswith("Z")
    other = kube.another()
    other._api._clock = lambda: 10.0
    assert other.acquire("b", 30) == "a"
    other.close()
