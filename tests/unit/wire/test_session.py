"""What gateway and agents say of sessions."""

from __future__ import annotations

import pytest

from cloudhand.wire.session import Offer, Report


def test_a_session_is_offered_in_the_types_that_agents_insist_on() -> None:
    assert Offer("s-1", port_number="22").to_json() == {
        "channelId": "s-1",
        "cmdContent": "",
        "username": "",
        "windowsPasswordName": "",
        "passwordName": "",
        "websocketUrl": "",
        "targetHost": "",
        "portNumber": "22",
        "flowLimit": 0,
    }


def test_an_end_is_read() -> None:
    said = {"channelId": "s-1", "status": "Failed", "errorcode": "Open_channel_failed"}
    assert Report.from_query(said) == Report("s-1", False, "Open_channel_failed")
    assert Report.from_query({"channelId": "s-1", "status": "Success"}) == Report("s-1", True)


@pytest.mark.parametrize(
    "said", [{}, {"status": "Running"}, {"status": "Failed", "errorcode": "x" * 65}]
)
def test_what_is_no_end_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="status|errorcode"):
        Report.from_query({"channelId": "s-1", **said})
