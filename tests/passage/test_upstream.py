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


def test_what_no_proxy_names_is_reached_directly() -> None:
    ways = inherited({"all_proxy": "http://proxy.corp:3128", "NO_PROXY": "a.org, example.com:443"})
    assert ways.choose("https", "www.EXAMPLE.com.", 443) is None
    assert ways.choose("https", "example.com", 8443) == PROXY
