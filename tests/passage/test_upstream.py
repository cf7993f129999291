"""The proxy that was there before, and what went around it."""

from __future__ import annotations

import pytest

from cloudhand.passage.upstream import Unusable, Upstream, inherited

PROXY = Upstream(host="proxy.corp", port=3128, tls=False, authorization=None)


def test_without_variables_everything_goes_directly() -> None:
    assert inherited({}).choose("https", "example.com", 443) is None


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_each_spelling_is_honoured(name: str) -> None:
    ways = inherited({name: "http://proxy.corp:3128"})
    assert ways.choose("https", "example.com", 443) == PROXY


def test_the_scheme_chooses_and_lower_case_wins() -> None:
    ways = inherited(
        {"HTTP_PROXY": "http://upper.corp", "http_proxy": "lower.corp", "https_proxy": ""}
    )
    chosen = ways.choose("http", "example.com", 80)
    assert isinstance(chosen, Upstream) and (chosen.host, chosen.port) == ("lower.corp", 80)
    assert ways.choose("https", "example.com", 443) is None


def test_credentials_are_decoded_and_sent_as_basic() -> None:
    ways = inherited({"https_proxy": "https://us%40er:p%3Ass@proxy.corp"})
    assert ways.choose("https", "example.com", 443) == Upstream(
        host="proxy.corp", port=443, tls=True, authorization=b"Basic dXNAZXI6cDpzcw=="
    )


@pytest.mark.parametrize("text", ["socks5://u:word@proxy.corp:1080", "http://proxy.corp:word2/"])
def test_a_proxy_that_cannot_be_spoken_to_is_never_gone_around(text: str) -> None:
    chosen = inherited({"all_proxy": text}).choose("http", "example.com", 80)
    assert isinstance(chosen, Unusable)
    assert "proxy.corp" in chosen.reason
    assert "u:word" not in chosen.reason


@pytest.mark.parametrize(
    "entry, host, port, direct",
    [
        ("*", "example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("example.com", "www.EXAMPLE.com.", 443, True),
        (".example.com", "www.example.com", 443, True),
        ("*.example.com", "www.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 443, False),
        ("a.org, example.com ,b.org", "example.com", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "example.com", 80, False),
        ("::1", "[::1]", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("", "example.com", 443, False),
    ],
)
def test_no_proxy_is_read_as_clients_read_it(
    entry: str, host: str, port: int, direct: bool
) -> None:
    ways = inherited({"all_proxy": "http://proxy.corp:3128", "NO_PROXY": entry})
    assert (ways.choose("https", host, port) is None) == direct
