"""Messages to the world: what cannot be sent is told in a phrase, whatever its address is."""

from __future__ import annotations

import pytest

from cloudhand.server.outward import Outward


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "not one of http or https"),
        ("ftp://a.example/", "not one of http or https"),
        ("http:///path", "not one of http or https"),
        ("http://[::1", "not one of http or https"),
        ("http://a.example:99999/", "not one of http or https"),
        ("http://\u2100.example/", "not one of http or https"),
        (f"http://{'a' * 64}.example/", "cannot find a"),
        ("http://127.0.0.1:1/", "an address of this machine or its network"),
    ],
)
async def test_an_address_that_cannot_be_reached_is_told(url: str, told: str) -> None:
    with pytest.raises(OSError, match=told):
        await Outward()(url, headers={}, body=b"{}", key="k")
