"""What agents say of themselves, as the API tells it."""

from __future__ import annotations

from cloudhand.core.notice import Kind
from cloudhand.wire.notice import Notice
from tests.api.clients import classic
from tests.api.cloud import Cloud


def test_notices_of_an_agent_are_told_the_last_first(it: Cloud) -> None:
    (instance_id,) = it.instances()
    metric, report = Notice("agent.startup", "INFO", "{}"), Notice("AgentPanic", "", "stack")
    it.do(lambda world: world.control.notices.hear(instance_id, Kind.METRIC, metric))
    it.do(lambda world: world.control.notices.hear(instance_id, Kind.CLIENT_REPORT, report))

    told = classic(it.endpoint)("DescribeAgentNotices", InstanceId=instance_id)["Notices"]

    assert [one.pop("Time")[-1] for one in told] == ["Z", "Z"]
    assert told == [
        {"Kind": "ClientReport", "Name": "AgentPanic", "Level": "", "Detail": "stack"},
        {"Kind": "Metric", "Name": "agent.startup", "Level": "INFO", "Detail": "{}"},
    ]
