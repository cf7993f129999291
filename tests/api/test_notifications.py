"""Notification channels as callers of the API see them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.api.clients import Caller, ClientError, classic, hang_up
from tests.api.cloud import Cloud, cloud

ADDRESS = "https://oapi.example/robot/send?access_token=hush-address"
ROBOT = {"ChannelName": "ops", "Kind": "dingtalk", "Address": ADDRESS, "Secret": "hush-secret"}
EVERYTHING = ["failed", "overdue", "agent-gone", "not-back"]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path) as it:
        yield it
        hang_up()


@pytest.fixture
def call(one: Cloud) -> Caller:
    return classic(one.endpoint)


def listed(call: Caller) -> list[dict[str, Any]]:
    return list(call("ListNotificationChannels")["Channels"])


def test_a_channel_is_listed_without_what_nobody_is_to_know(one: Cloud, call: Caller) -> None:
    made = call("CreateNotificationChannel", **ROBOT, Event=["not-back", "failed"], Language="zh")
    assert made["Secret"] == ""
    (told,) = listed(call)
    assert told.pop("CreationTime").endswith("Z")
    assert told == {
        "ChannelName": "ops",
        "Kind": "dingtalk",
        "Host": "oapi.example",
        "Signed": True,
        "Events": ["failed", "not-back"],
        "Language": "zh",
        "WaitingCount": 0,
        "Tries": 0,
        "NextTryTime": "",
        "GivenUpCount": 0,
        "LastSuccessTime": "",
        "LastErrorTime": "",
        "LastError": "",
        "Test": None,
    }
    call("TestNotificationChannel", ChannelName="ops")
    call("DeleteNotificationChannel", ChannelName="ops")
    assert listed(call) == []
    records = json.dumps(call("ListAuditRecords", MaxResults=1000))
    assert "notificationchannel/ops" in records
    assert "hush" not in records


def test_what_nobody_is_to_know_is_in_no_file(one: Cloud, call: Caller, tmp_path: Path) -> None:
    call("CreateNotificationChannel", **ROBOT)
    with closing(sqlite3.connect(tmp_path / "world.sqlite")) as connection:
        rows = connection.execute("SELECT * FROM notification_channels").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert len(rows) == 1
    for path in tmp_path.iterdir():
        assert path.is_dir() or b"hush-" not in path.read_bytes(), path


def test_a_webhook_is_given_a_secret_once(call: Caller) -> None:
    hook = {"Kind": "webhook", "Address": "https://a.example/hook"}
    made = call("CreateNotificationChannel", **hook, ChannelName="made")["Secret"]
    assert made.startswith("whsec_")
    given = call("CreateNotificationChannel", **hook, ChannelName="given", Secret=made)
    assert given["Secret"] == ""
    assert [(one["Signed"], one["Events"]) for one in listed(call)] == [(True, EVERYTHING)] * 2
    assert made not in json.dumps(listed(call))


@pytest.mark.parametrize("kind", ["dingtalk", "feishu", "wecom", "slack"])
def test_the_robot_of_a_chat_needs_no_secret(call: Caller, kind: str) -> None:
    given = {"ChannelName": "ops", "Kind": kind, "Address": ADDRESS}
    assert call("CreateNotificationChannel", **given)["Secret"] == ""
    assert listed(call)[0]["Signed"] is False


def test_what_came_of_a_test_is_told(one: Cloud, call: Caller) -> None:
    call("CreateNotificationChannel", **ROBOT)
    asked = call("TestNotificationChannel", ChannelName="ops")["MessageId"]
    one.advance(milliseconds=1)
    (told,) = listed(call)
    assert told["Test"] == {"MessageId": asked, "Status": "Delivered", "Error": ""}
    assert told["LastSuccessTime"] != ""


def test_a_test_that_does_not_arrive_says_why(one: Cloud, call: Caller) -> None:
    wrong = {**ROBOT, "Kind": "feishu"}  # what answers says it as another product does

    async def refuse(*args: Any, **more: Any) -> Any:
        raise OSError("it hung up")

    async def change(world: Any) -> None:
        world.notifications._deliver = refuse

    one.do(change)
    call("CreateNotificationChannel", **wrong)
    call("TestNotificationChannel", ChannelName="ops")
    one.advance(milliseconds=1)
    (told,) = listed(call)
    assert (told["Test"]["Status"], told["Test"]["Error"]) == ("Failed", "it hung up")
    assert (told["LastError"], told["LastSuccessTime"]) == ("it hung up", "")


def test_a_name_is_taken_once_and_there_are_not_too_many(call: Caller) -> None:
    call("CreateNotificationChannel", **ROBOT)
    with pytest.raises(ClientError) as caught:
        call("CreateNotificationChannel", **ROBOT)
    assert (caught.value.code, caught.value.status) == ("InvalidChannelName.Duplicate", 400)
    for n in range(19):
        call("CreateNotificationChannel", **{**ROBOT, "ChannelName": f"n-{n}"})
    with pytest.raises(ClientError) as caught:
        call("CreateNotificationChannel", **{**ROBOT, "ChannelName": "more"})
    assert caught.value.code == "QuotaExceed.NotificationChannels"
