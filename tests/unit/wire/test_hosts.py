"""Which hosts NO_PROXY means."""

from __future__ import annotations

import pytest

from cloudhand.wire.hosts import direct, said


@pytest.mark.parametrize(
    "entry, host, port, expected",
    [
        ("", "example.com", 443, False),
        ("*", "example.com", 443, True),
        ("a.org,*", "example.com", 443, True),
        ("example.com", "example.com", 443, True),
        ("EXAMPLE.com.", "www.Example.com.", 443, True),
        (".example.com", "www.example.com", 443, True),
        (".example.com", "example.com", 443, True),
        ("*.example.com", "www.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        ("www.example.com", "example.com", 443, False),
        ("example.com:8080", "www.example.com", 8080, True),
        ("example.com:8080", "example.com", 443, False),
        ("a.org, example.com ,b.org", "example.com", 443, True),
        ("a.org example.com", "example.com", 443, True),
        ("b\u00fccher.example", "xn--bcher-kva.example", 443, True),
        ("10.1.2.3", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.1.2.3/8", "10.9.9.9", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "example.com", 80, False),
        ("10.0.0.0/8:80", "10.1.2.3", 81, False),
        ("10.0.0.0/64", "10.1.2.3", 80, False),
        ("::1", "[::1]", 80, True),
        ("[::1]", "::1", 80, True),
        ("0:0::1", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("[fd00::]/8", "fd12::1", 80, False),
    ],
)
def test_what_an_entry_means(entry: str, host: str, port: int, expected: bool) -> None:
    assert direct(entry, host, port) is expected


def test_the_lower_case_wins_if_it_says_anything() -> None:
    assert said({"no_proxy": " a ", "NO_PROXY": "b"}, "no_proxy") == "a"
    assert said({"no_proxy": "", "NO_PROXY": "b"}, "no_proxy") == "b"
    assert said({}, "no_proxy") == ""
