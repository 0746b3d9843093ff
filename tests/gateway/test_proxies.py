"""Who may speak for a client, and what is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarita.gateway.proxies import FORWARDED, Origin, PeerError, Proxies

PROXIES = Proxies(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])
PEER = {"peer": "10.1.2.3", "scheme": "http", "host": "internal:8080"}


def origin(*headers, proxies=PROXIES, **peer):
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return proxies.origin(pairs, **(PEER | peer))


def test_without_forwarding_headers_the_peer_is_the_client():
    assert origin(peer="203.0.113.5") == Origin("203.0.113.5", "http", "internal:8080")


@pytest.mark.parametrize("name", sorted(FORWARDED))
def test_an_undeclared_peer_speaks_for_nobody(name):
    with pytest.raises(PeerError) as refused:
        origin((name.decode(), "1.2.3.4"), peer="203.0.113.5")
    assert (refused.value.code, refused.value.status) == ("request.undeclared-proxy", 400)


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5, 10.9.9.9", "203.0.113.5"),
        ("203.0.113.5:4711", "203.0.113.5"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nonsense, 203.0.113.5", "203.0.113.5"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(chain, client):
    assert origin(("x-forwarded-for", chain)).client == client


def test_several_headers_are_one_chain():
    headers = (("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.5"))
    assert origin(*headers).client == "203.0.113.5"


@pytest.mark.parametrize(
    "header",
    [
        ("x-forwarded-for", "nonsense"), ("x-forwarded-for", ""), ("x-forwarded-for", "203.0.113.5,"),
        ("x-forwarded-proto", "https,http"), ("x-forwarded-proto", "javascript"),
        ("x-forwarded-host", "a.example, b.example"), ("forwarded", "for=1.2.3.4"),
    ],
)  # fmt: skip
def test_what_says_two_things_is_refused(header):
    with pytest.raises(PeerError) as refused:
        origin(header)
    assert refused.value.code == "request.forwarded"


def test_scheme_and_host_come_from_a_declared_proxy():
    found = origin(("x-forwarded-proto", "https"), ("x-forwarded-host", "api.example.com"))
    assert found == Origin("10.1.2.3", "https", "api.example.com")


def test_an_address_in_another_notation_is_the_same():
    assert PROXIES.trusts("::ffff:10.1.2.3")
    assert not PROXIES.trusts("::ffff:11.1.2.3")
    assert not PROXIES.trusts("unix")
    assert not Proxies().trusts("127.0.0.1")


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=6))
def test_nothing_left_of_the_client_counts(chain):
    first = origin(("x-forwarded-for", ", ".join(chain))).client
    assert origin(("x-forwarded-for", ", ".join(["6.6.6.6", *chain]))).client in {first, "6.6.6.6"}
    if not all(PROXIES.trusts(hop) for hop in chain):
        assert origin(("x-forwarded-for", ", ".join(["6.6.6.6", *chain]))).client == first
