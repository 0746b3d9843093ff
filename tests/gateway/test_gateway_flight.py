"""Single flight: once for all who ask, in whatever event loop, and nobody hangs on one that ended."""

import asyncio
import sys
import threading

import pytest

from guarita.gateway.flight import SingleFlight
from guarita.gateway.outbound import Outbound
from guarita.gateway.refusal import UndecidedError


def test_who_waits_gets_what_the_work_came_to():
    flights, calls = SingleFlight(bound=5), []

    async def work():
        calls.append(1)
        await asyncio.sleep(0.01)
        if len(calls) == 1:
            raise ZeroDivisionError
        return "done"

    async def ask():
        return await flights.join(flights.start("x", work))

    async def run():
        first = await asyncio.gather(*(ask() for _ in range(10)), return_exceptions=True)
        assert {type(result) for result in first} == {ZeroDivisionError}
        assert await asyncio.gather(*(ask() for _ in range(10))) == ["done"] * 10
        assert flights.under_way("x") is None

    asyncio.run(run())
    assert len(calls) == 2


@pytest.mark.parametrize("begun", [True, False])
def test_a_loop_that_ends_takes_nobody_along(begun):
    flights, release = SingleFlight(bound=30), threading.Event()
    joined, outcome = threading.Event(), []

    async def forever():
        await asyncio.sleep(3600)

    async def starts():
        flights.start("x", forever)
        if begun:
            await asyncio.sleep(0)
            joined.set()
            await asyncio.to_thread(release.wait, 20)

    async def waits():
        flight = flights.under_way("x")
        release.set()
        with pytest.raises(UndecidedError) as caught:
            await flights.join(flight)
        outcome.append((caught.value.code, caught.value.message))

    starter = threading.Thread(target=lambda: asyncio.run(starts()))
    starter.start()
    if begun:
        assert joined.wait(20)
        asyncio.run(waits())
        assert outcome == [("gateway.overloaded", "what decides was interrupted")]
    starter.join()
    assert flights.under_way("x") is None


def test_there_is_a_bound_to_those_who_wait_and_to_what_is_under_way():
    flights = SingleFlight(bound=5, max_flights=2, max_waiting=3)

    async def run():
        gate = asyncio.Event()
        first = flights.start("1", gate.wait)
        flights.start("2", gate.wait)
        with pytest.raises(UndecidedError) as caught:
            flights.start("3", gate.wait)
        assert (caught.value.code, caught.value.status) == ("gateway.overloaded", 503)
        waiting = [asyncio.create_task(flights.join(first)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(UndecidedError):
            await flights.join(first)
        waiting[0].cancel()  # a client that goes away takes nobody along
        gate.set()
        assert await asyncio.gather(*waiting[1:]) == [True, True]
        await asyncio.sleep(0)
        assert await flights.join(flights.start("3", gate.wait))

    asyncio.run(run())


def test_connections_of_loops_that_ended_are_let_go(local_issuer):
    outbound = Outbound(insecure_loopback=True)
    for _ in range(5):
        asyncio.run(outbound.get(local_issuer.jwks_uri, limit=10_000))
    assert len(outbound._clients) == 1


def test_nothing_heavy_is_imported_before_it_is_needed():
    import subprocess

    code = "import sys, guarita.gateway.oauth.build; print([m for m in ('httpx', 'pytest', 'redis') if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == "[]"
