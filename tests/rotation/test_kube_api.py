"""Requests to the API under faults: bounded, repeated where that is safe, read back where it is not, and tight-lipped."""

import time

import kubeing
import pytest
from kubeapi.cluster import secret

from guarita.rotation.errors import PermanentError, TransientError
from guarita.rotation.kube.api import PAGE, AmbiguousError, ConflictError, ExistsError, GoneError


@pytest.fixture
def api(kube):
    found = kube.cluster._api
    found.slept = []
    found._sleep = found.slept.append
    return found


def test_a_read_is_tried_again_while_the_server_is_not_well(kube, api):
    kube.server.fault("status", path="*/secrets/none", code=503, retry_after="2", times=2)
    kube.server.fault("drop", path="*/secrets/none", times=1)
    assert api.get(kube.path("secrets", "none")) is None
    assert api.slept[:2] == [2.0, 2.0], "as long as it asks for"
    assert len(api.slept) == 3


def test_a_read_ends_when_it_does_not_help(kube, api):
    kube.server.fault("status", path="*/secrets/none", code=500, times=100)
    with pytest.raises(TransientError, match="failed") as caught:
        api.get(kube.path("secrets", "none"))
    assert caught.value.code == "kube.busy"
    assert len(api.slept) == 3


def test_a_long_wait_is_the_callers(kube, api):
    kube.server.fault("status", path="*/secrets*", code=429, retry_after="120", times=100)
    for call in (lambda: api.get(kube.path("secrets", "none")), lambda: api.create(kube.path("secrets"), {})):
        with pytest.raises(TransientError) as caught:
            call()
        assert (caught.value.code, caught.value.delay) == ("kube.busy", 120.0)
    assert api.slept == []


def test_a_write_that_was_turned_away_is_sent_again(kube, api):
    kube.server.fault("status", method="POST", path="*/secrets", code=429, retry_after="1", times=2)
    api.create(kube.path("secrets"), secret(kube.namespace, "one", a="b"))
    assert api.slept == [1.0, 1.0]
    assert kube.secret_names() == ["one"]


@pytest.mark.parametrize("fault", ["drop", "lose", "garbage", "status"])
def test_a_write_without_a_certain_answer_is_never_repeated_blindly(kube, api, fault):
    kube.server.fault(fault, method="POST", path="*/secrets", code=500, times=1)
    with pytest.raises(AmbiguousError):
        api.create(kube.path("secrets"), secret(kube.namespace, "one", a="b"))
    sent = [
        entry
        for entry in kube.server.requests()
        if entry["method"] == "POST" and entry["path"] == kube.path("secrets")
    ]
    assert len(sent) == 1
    assert kube.secret_names() == (["one"] if fault in {"lose", "garbage"} else [])


@pytest.mark.parametrize("fault", ["hang", "lose-hang", "trickle"])
def test_nothing_hangs(kube, fault):
    impatient = kube.another(timeout=0.25)
    impatient._api._sleep = lambda _: None
    kube.server.fault(fault, path="*/secrets*", times=100, seconds=0.2)
    # Longer than this test may take, the server would keep silent.
    with pytest.raises(TransientError):
        impatient._api.list(kube.path("secrets"))
    with pytest.raises(AmbiguousError):
        impatient._api.create(kube.path("secrets"), secret(kube.namespace, "one", a="b"))
    kube.server.side("release")
    impatient.close()


def test_storage_that_stalls_is_a_transient_failure(kube):
    impatient = kube.another(timeout=0.25)
    impatient._api._sleep = lambda _: None
    kube.server.side("stall", on=True, seconds=0.1)
    with pytest.raises(TransientError):
        impatient.consumers(kube.delivery)
    with pytest.raises(AmbiguousError):
        impatient._api.create(kube.path("secrets"), secret(kube.namespace, "one", a="b"))
    kube.server.side("stall", on=False)
    assert impatient.consumers(kube.delivery) == []
    impatient.close()


@pytest.mark.parametrize("fault", ["drop", "lose", "status", "lose-hang"])
def test_a_store_whose_answer_is_lost_is_read_back(kube, fault):
    impatient = kube.another(timeout=0.25)
    kube.server.fault(fault, method="POST", path="*/secrets", code=503)
    landed = fault in {"lose", "lose-hang"}
    if landed:
        impatient.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    else:
        with pytest.raises(TransientError):
            impatient.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    impatient.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    assert kube.secret_names() == ["db-r1"]
    impatient.close()


@pytest.mark.parametrize("fault", ["drop", "lose", "status", "lose-hang"])
def test_a_patch_whose_answer_is_lost_is_read_back_and_changes_the_template_once(kube, fault):
    kube.apply(secret(kube.namespace, "db", password="old"), kubeing.deployment(kube.namespace, replicas=0))
    impatient = kube.another(timeout=0.25)
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    consumer = kube.consumer()
    before = kube.read("deployments", "web")["metadata"]["generation"]
    kube.server.fault(fault, method="PATCH", path="*/deployments/web", code=500)
    impatient.point(consumer, "r1", kube.fences.next())
    assert kube.consumer().rotation == "r1"
    assert kube.read("deployments", "web")["metadata"]["generation"] == before + 1
    impatient.close()


def test_a_delete_whose_answer_is_lost_is_done_at_the_next_look(kube):
    kube.cluster.store(kube.delivery, "r1", {"password": "one"}, kube.fences.next())
    kube.server.fault("lose", method="DELETE", path="*/secrets/*")
    with pytest.raises(AmbiguousError):
        kube.cluster.prune(kube.delivery, [], kube.fences.next())
    assert kube.cluster.prune(kube.delivery, [], kube.fences.next()) == []
    assert kube.secret_names() == []


def test_long_lists_come_in_pages_and_begin_again_when_the_server_has_forgotten(kube, api, monkeypatch):
    assert PAGE >= 100
    monkeypatch.setattr("guarita.rotation.kube.api.PAGE", 3)
    for n in range(8):
        kube.apply(secret(kube.namespace, f"one-{n}", a="b"))
    names = [one["metadata"]["name"] for one in api.list(kube.path("secrets"))]
    assert names == [f"one-{n}" for n in range(8)]
    kube.server.fault("status", path="*/secrets", code=410, skip=1, times=1)
    assert [one["metadata"]["name"] for one in api.list(kube.path("secrets"))] == names
    kube.server.reset()
    kube.server.fault("status", path="*/secrets", code=410, times=100)
    with pytest.raises(GoneError):
        api.list(kube.path("secrets"))


def test_refusals_say_what_and_where_and_never_repeat_what_was_sent(kube, api):
    kube.apply(secret(kube.namespace, "one", a="b"))
    with pytest.raises(ExistsError):
        api.create(kube.path("secrets"), secret(kube.namespace, "one", a="b"))
    with pytest.raises(ConflictError):
        api.patch(kube.path("secrets", "one"), {"metadata": {"resourceVersion": "1"}})
    with pytest.raises(PermanentError) as caught:
        api.create(kube.path("secrets"), secret(kube.namespace, "Super Secret Name", a="canary-value"))
    assert "metadata.name" in str(caught.value)
    assert "Super Secret" not in str(caught.value)
    with pytest.raises(PermanentError):
        api.list("/apis/nothing.test/v1/things")
    assert api.get("/apis/nothing.test/v1/things/x") is None


def test_an_account_that_may_not_is_told_what_prints_the_role(kube):
    stranger = kube.another(token=kube.server.token(kube.namespace, "default"))
    with pytest.raises(TransientError, match="may not do this") as caught:
        stranger.consumers(kube.delivery)
    assert "guarita rotate rbac" in caught.value.hint
    stranger.close()
    unknown = kube.another(token="not-a-token")
    with pytest.raises(TransientError, match="is not known") as caught:
        unknown.acquire("a", 10)
    assert "not-a-token" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    unknown.close()


def test_a_server_that_is_away_or_is_another_one_is_unreachable(kube):
    away = kube.another(timeout=0.5)
    away._api._sleep = lambda _: None
    away._api.server = "https://127.0.0.1:1"
    with pytest.raises(TransientError) as caught:
        away.consumers(kube.delivery)
    assert caught.value.code == "kube.unreachable"
    away.close()


def test_time_is_the_servers(kube, api):
    assert abs(api.now() - time.time()) < 120
    if not kube.server.real:
        kube.server.side("clock", offset=86_400)
        api.get("/version")
        assert api.now() - time.time() > 80_000
