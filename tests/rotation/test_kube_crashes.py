"""Runners as processes, killed and stopped at each write to the cluster, with pods that really log in."""

import itertools
import os
import signal

import kubeing
import loginpods
import pytest

from guarita.rotation.journal import Phase

WRITES = "[PD]*"
"""POST, PUT, PATCH and DELETE."""


@pytest.fixture
def shop(kube, bao, postgres):
    """One Deployment that logs in, and runners that act as the account with the printed rights."""
    shop = loginpods.Shop(kube, bao, postgres)
    shop.user = shop.as_account()
    kube.apply(kubeing.deployment(kube.namespace, replicas=1, spec=loginpods.spec()))
    with kube.server.kubelet(lambda pod: shop.pods(), kube.namespace) as kubelet:
        kube.settle()
        shop.kubelet = kubelet
        yield shop
    shop.close()


def settled(shop):
    """Every live pod is of the version in force, and not one of its logins has failed."""
    kubeing.wait_for(lambda: len(shop.kubelet.live()) == 1)
    entry = shop.settled(shop.kubelet)
    assert shop.failures == []
    return entry


def test_killed_after_every_write_to_the_cluster(shop, nursery):
    for at in itertools.count():
        shop.kube.server.reset()
        runner = shop.start(nursery, "run", "login")
        shop.kube.server.fault("kill", method=WRITES, user=shop.user, skip=at, pid=runner.pid)
        status = runner.wait()
        if status is not None:
            break
        shop.run(nursery, "resume")
        entry = settled(shop)
        assert entry is None or entry.last.phase in {Phase.DONE, Phase.ROLLED_BACK}
    assert status == 0, runner.said()
    assert at > 6, "Lease, Secret, canary, its end, template, pruning, Lease"
    settled(shop)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "*/secrets"), ("PATCH", "*/deployments/web"), ("DELETE", "*/secrets/*")],
    ids=["version", "template", "pruning"],
)
def test_stopped_before_a_write_while_others_rotate_twice(shop, nursery, method, path):
    """Its request arrives, and it wakes up, when all has long gone on."""
    if method == "DELETE":
        shop.run(nursery, "run", "login")  # there is a version to prune
    runner = shop.start(nursery, "run", "login")
    shop.kube.server.fault("stop", method=method, path=path, user=shop.user, pid=runner.pid)
    kubeing.wait_for(lambda: stopped(runner.pid))
    shop.run(nursery, "resume")
    shop.run(nursery, "run", "login")
    settled(shop)
    before = shop.published(), shop.kube.consumer().rotation
    shop.kube.server.side("release")
    os.kill(runner.pid, signal.SIGCONT)
    assert runner.wait() in {0, 3}, runner.said()
    # What it left is found by whoever runs next, and its claim is worth nothing.
    shop.run(nursery, "resume")
    settled(shop)
    assert (shop.published(), shop.kube.consumer().rotation) == before


def stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"


def test_two_runners_at_once_leave_one_rotation(shop, nursery):
    first, second = (
        nursery.start(
            "rotate",
            "run",
            "login",
            "--config",
            shop.file,
            "--ledger",
            "none",
            "--json",
            cwd=shop.kube.folder,
            env={},
        )
        for _ in range(2)
    )
    assert min(first.wait(), second.wait()) == 0, first.said() + second.said()
    shop.run(nursery, "resume")
    settled(shop)
