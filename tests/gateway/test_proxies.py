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


# --- Forwarded (RFC 7239), where the proxies write it

MODERN = Proxies(["10.0.0.0/8", "fd00::/8"], rfc7239=True)


def modern(*headers, **peer):
    return origin(*headers, proxies=MODERN, **peer)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("for=203.0.113.5", ("203.0.113.5", "http", "internal:8080")),
        ("For=203.0.113.5;PROTO=https;host=api.example.com", ("203.0.113.5", "https", "api.example.com")),
        ('for="203.0.113.5:4711" ; proto=https'.replace(" ; ", ";"), ("203.0.113.5", "https", "internal:8080")),
        ('for="[2001:db8::1]:4711";host="api.example.com:8443"', ("2001:db8::1", "http", "api.example.com:8443")),
        ('for="[2001:DB8::1]";by=_edge;secret="a\\"b,c;d"', ("2001:db8::1", "http", "internal:8080")),
        ("for=6.6.6.6;host=evil.example, for=203.0.113.5;proto=https", ("203.0.113.5", "https", "internal:8080")),
        ("for=203.0.113.5;proto=https;host=a.example,\tfor=10.9.9.9;proto=http;host=b", ("203.0.113.5", "https", "a.example")),
        ("for=203.0.113.5, for=10.9.9.9;proto=https;host=a.example", ("203.0.113.5", "https", "a.example")),
        ("for=nonsense-that-somebody-else-wrote;proto=https, for=203.0.113.5".replace("nonsense-that-somebody-else-wrote", "_x"),
         ("203.0.113.5", "http", "internal:8080")),
        ("for=unknown, for=203.0.113.5", ("203.0.113.5", "http", "internal:8080")),
    ],
)  # fmt: skip
def test_forwarded_is_read_from_our_end_as_far_as_proxies_are_declared(value, wanted):
    found = modern(("forwarded", value))
    assert (found.client, found.scheme, found.host) == wanted


@pytest.mark.parametrize(
    "value",
    [
        "", ",", "for", "for=", "for=203.0.113.5;", "for=203.0.113.5,", ",for=203.0.113.5", "for =203.0.113.5",
        "for=203.0.113.5; ;proto=https", "for=203.0.113.5;for=6.6.6.6", "for=203.0.113.5 proto=https", 'for="203.0.113.5',
        "for=[2001:db8::1]", 'for="2001:db8::1"', 'for="[2001:db8::1"', "for=203.0.113", "for=203.0.113.256",
        "for=203.0.113.5:x", 'for="203.0.113.5:99999999"', "for=unknown", "for=_hidden", "proto=https",
        "for=203.0.113.5;proto=javascript", "for=203.0.113.5;proto=wss", 'for=203.0.113.5;host="a b"',
        'for=203.0.113.5;host="a/../b"', 'for=203.0.113.5;host="u@b"', "for=203.0.113.5\x00", "for=\xe9",
        "for=203.0.113.5" + ",for=10.0.0.1" * 40, "for=203.0.113.5;x=" + "a" * 9_000,
    ],
)  # fmt: skip
def test_forwarded_that_does_not_say_one_thing(value):
    with pytest.raises(PeerError) as refused:
        MODERN.origin([(b"forwarded", value.encode("latin-1"))], **PEER)
    assert refused.value.code == "request.forwarded"


@pytest.mark.parametrize(
    ("more", "fits"),
    [
        (("x-forwarded-for", "203.0.113.5"), True),
        (("x-forwarded-for", "6.6.6.6, 203.0.113.5"), True),
        (("x-forwarded-for", "6.6.6.6"), False),
        (("x-forwarded-proto", "https"), True),
        (("x-forwarded-proto", "http"), False),
        (("x-forwarded-host", "api.example.com"), True),
        (("x-forwarded-host", "evil.example"), False),
        (("x-forwarded-host", "a, b"), False),
    ],
)
def test_forwarded_beside_the_older_headers_says_the_same_or_nothing_counts(more, fits):
    headers = (("forwarded", "for=203.0.113.5;proto=https;host=api.example.com"), more)
    if fits:
        assert modern(*headers) == Origin("203.0.113.5", "https", "api.example.com")
    else:
        with pytest.raises(PeerError) as refused:
            modern(*headers)
        assert refused.value.code == "request.forwarded"


def test_what_the_proxies_do_not_write_counts_for_nothing():
    """Most proxies hand their client's headers of the other kind through."""
    for headers, proxies in (
        ([("forwarded", "for=6.6.6.6")], PROXIES),
        ([("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=203.0.113.5;host=evil.example")], PROXIES),
        ([("x-forwarded-for", "6.6.6.6")], MODERN),
        ([("x-forwarded-host", "evil.example")], MODERN),
    ):
        with pytest.raises(PeerError) as refused:
            origin(*headers, proxies=proxies)
        assert refused.value.code == "request.forwarded"
    with pytest.raises(PeerError):
        modern(("forwarded", "for=1.2.3.4"), peer="203.0.113.5")


@given(st.lists(st.ip_addresses(), min_size=1, max_size=4), st.sampled_from(["", "http", "https"]))
def test_forwarded_and_the_older_header_tell_of_the_same_client(addresses, scheme):
    nodes = [f'"[{address}]"' if address.version == 6 else str(address) for address in addresses]
    chain = ", ".join(f"for={node}" + (f";proto={scheme}" if scheme else "") for node in nodes)
    older = origin(
        ("x-forwarded-for", ", ".join(map(str, addresses))), proxies=Proxies(["10.0.0.0/8", "fd00::/8"])
    )
    assert modern(("forwarded", chain)).client == older.client


@given(st.text())
def test_no_header_is_too_strange(text):
    try:
        found = MODERN.origin([(b"forwarded", text.encode("utf-8", "surrogatepass"))], **PEER)
    except PeerError as error:
        found = error
    assert isinstance(found, Origin) or found.code == "request.forwarded"
