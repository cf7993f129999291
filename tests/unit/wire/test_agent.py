"""Messages between agent and gateway: what one says is what the other hears."""

from __future__ import annotations

import hashlib
import json
import string
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudhand.wire import agent as wire
from cloudhand.wire.receipt import CGROUP, LISTED, PROCESSES, Process, Receipt

_messages = settings(max_examples=60, derandomize=True, deadline=None)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_some_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_ids = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=40)
_count = st.integers(0, 10**13)
_pairs = st.lists(st.tuples(_text, _text), max_size=3).map(tuple)
_signed = st.integers(-(10**10), 10**10)


def _through_json(message: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(json.dumps(message))
    return said


def _through_query(query: dict[str, str]) -> dict[str, str]:
    return dict(parse_qsl(urlencode(query), keep_blank_values=True))


@_messages
@given(
    st.builds(
        wire.Registration,
        activation_id=_text,
        activation_code=_text,
        machine_id=_text,
        region_id=_text,
        hostname=_text,
        os_version=_text,
        agent_version=_text,
        instance_name=_text,
        intranet_ip=_text,
        os_type=_text,
        public_key=_text,
        tags=_pairs,
        force_reuse=st.booleans(),
    )
)
def test_registration(said: wire.Registration) -> None:
    body = _through_json({**said.to_json(), "new": "unknown"})
    assert wire.Registration.from_json(body) == said


def test_a_fingerprint_takes_the_place_of_the_machine_id() -> None:
    said = {"machineId": "m", "fingerprint": "f"}
    assert wire.Registration.from_json(said).machine == "f"
    assert wire.Registration.from_json({**said, "fingerprint": ""}).machine == "m"


@_messages
@given(_some_text, _text, st.binary(min_size=1, max_size=64))
def test_registered(instance_id: str, region_id: str, key: bytes) -> None:
    said = wire.Registered(instance_id=instance_id, region_id=region_id, key=key)
    assert wire.Registered.from_json(_through_json({**said.to_json(), "new": 1})) == said


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"code": "200", "instanceId": "mi-1"},
        {"code": 403, "instanceId": "mi-1"},
        {"code": 200},
        {"code": 200, "instanceId": ""},
        {"code": 200, "instanceId": 7},
        {"code": 200, "instanceId": "mi-1", "key": 7},
        {"code": 200, "instanceId": "mi-1", "key": "no base64!"},
        {"code": 200, "instanceId": "mi-1", "regionId": None},
    ],
)
def test_an_answer_that_is_no_identity_is_a_refusal(body: dict[str, Any]) -> None:
    with pytest.raises(wire.Rejected):
        wire.Registered.from_json(body)


@_messages
@given(
    st.builds(
        wire.Heartbeat,
        uptime=_count,
        timestamp=_count,
        pid=_count,
        process_uptime=_count,
        index=st.just(0),
        seq_no=_count,
        cold_start=st.booleans(),
        os_version=_text,
        machine_id=_text,
    )
)
def test_first_heartbeat(said: wire.Heartbeat) -> None:
    assert wire.Heartbeat.from_query({**_through_query(said.to_query()), "new": "1"}) == said


_refusals = st.dictionaries(st.sampled_from(wire.REFUSABLE), st.text(min_size=1, max_size=9))


@_messages
@given(_count, st.integers(1, 10**9), _refusals)
def test_later_heartbeat(uptime: int, index: int, refusals: dict[str, str]) -> None:
    said = wire.Heartbeat(
        uptime=uptime,
        timestamp=1,
        pid=2,
        process_uptime=3,
        index=index,
        seq_no=index + 1,
        refusals=refusals,
    )
    assert wire.Heartbeat.from_query(_through_query(said.to_query())) == said
    assert "os_version" not in said.to_query()


@pytest.mark.parametrize(
    "refusals", ["[]", "no", '{"stop": 1}', "[" * 100_000, '{"stop": "' + "x" * 5000 + '"}']
)
def test_refusals_that_are_none_are_refused(refusals: str) -> None:
    with pytest.raises(ValueError):
        wire.Heartbeat.from_query({"refusals": refusals})


def test_refusals_of_what_is_not_known_are_passed_over() -> None:
    assert wire.Heartbeat.from_query({"refusals": '{"dance": "why", "stop": ""}'}).refusals == {}


@_messages
@given(st.sampled_from(["startup", "kickoff"]), _ids | st.just(""), st.booleans())
def test_fetch(reason: str, task_id: str, cold: bool) -> None:
    said = wire.Fetch(reason=reason, task_id=task_id, cold_start=cold and reason == "startup")
    assert wire.Fetch.from_query({**_through_query(said.to_query()), "offset": "0"}) == said


_tasks = st.builds(
    wire.Task,
    task_id=_ids,
    type=_text,
    content=st.binary(max_size=100),
    timeout=st.integers(0, 10**6),
    command_id=_ids,
    command_name=_text,
    working_directory=_text,
    username=_text,
    enable_parameter=st.booleans(),
    built_in_parameters=st.dictionaries(_ids, _text, max_size=3),
    termination_mode=_text,
    launcher=_text,
    log_quota=st.integers(12000, 10**6),
    interval=st.integers(1000, 10**5),
    power_wait=st.integers(0, 10**4),
)


_files = st.builds(
    wire.FileTask,
    task_id=_ids,
    name=_text,
    directory=_text,
    content=st.binary(max_size=100),
    owner=_text,
    group=_text,
    mode=_text,
    overwrite=st.booleans(),
)


@_messages
@given(
    st.builds(
        wire.Worklist,
        instance_id=_text,
        run=st.lists(_tasks, max_size=2).map(tuple),
        stop=st.lists(_ids, max_size=3).map(tuple),
        test=st.lists(_tasks, max_size=1).map(tuple),
        file=st.lists(_files, max_size=2).map(tuple),
    )
)
def test_worklist(said: wire.Worklist) -> None:
    body = _through_json(said.to_json())
    for item in body["run"]:
        item["task"]["new"] = item["new"] = {"x": [1]}
    assert wire.Worklist.from_json(body) == said


def test_a_file_is_signed_as_the_published_agent_compares() -> None:
    (item,) = wire.Worklist(
        "i-1", file=(wire.FileTask(task_id="f-1", name="n", directory="/d", content=b"hello\n"),)
    ).to_json()["file"]
    assert item["task"]["content"] == "aGVsbG8K"
    assert item["task"]["signature"] == hashlib.md5(b"aGVsbG8K").hexdigest()
    assert isinstance(item["task"]["timeout"], int)


@pytest.mark.parametrize(
    "task",
    [{}, {"taskID": 7}, {"taskID": "f-1", "content": "no base64!"}, {"taskID": "f-1", "mode": 600}],
)
def test_an_item_that_is_no_file(task: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        wire.Worklist.from_json({"file": [{"task": task}]})


def test_what_a_worklist_need_not_say() -> None:
    assert wire.Worklist.from_json({}) == wire.Worklist(instance_id="")
    sparse = {"run": [{"task": {"taskID": "t-1"}}], "stop": None, "test": []}
    (task,) = wire.Worklist.from_json(sparse).run
    assert (task.task_id, task.content, task.timeout) == ("t-1", b"", 3600)
    assert (task.log_quota, task.interval, task.power_wait) == (12000, 1000, 60)


@pytest.mark.parametrize("spelled, seconds", [("60", 60), ("0", 0), ("-5", 0), ("abc", 3600)])
def test_timeouts_are_text(spelled: str, seconds: int) -> None:
    task = {"taskID": "t-1", "timeOut": spelled}
    assert wire.Task.from_json({"task": task}).timeout == seconds


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"task": {}},
        {"task": None},
        {"task": []},
        {"task": {"taskID": ""}},
        {"task": {"taskID": 7}},
        {"task": {"taskID": "t-1", "timeOut": 60}},
        {"task": {"taskID": "t-1", "commandContent": "no base64!"}},
        {"task": {"taskID": "t-1", "builtInParameter": {"a": 1}}},
        {"task": {"taskID": "t-1"}, "output": {"interval": "1000"}},
        {"task": {"taskID": "t-1", "powerWait": "60"}},
    ],
)
def test_an_item_that_is_no_task(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        wire.Worklist.from_json({"run": [item]})


@pytest.mark.parametrize(
    "body", [{"run": {}}, {"run": ["t-1"]}, {"stop": "t-1"}, {"stop": [{"task": {"taskID": 1}}]}]
)
def test_an_answer_that_is_no_worklist(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        wire.Worklist.from_json(body)


_little = st.integers(0, 10**9)
_processes = st.lists(st.builds(Process, _little, _text), max_size=3).map(tuple)
_common: dict[str, Any] = {
    "task_id": _ids,
    "output": st.binary(max_size=50),
    "start": _count,
    "end": _count,
    "exit_code": _signed,
    "dropped": _count,
    "offset": st.none() | _count,
    "survivors": st.lists(_count, max_size=3).map(tuple),
    "receipt": st.none()
    | st.builds(
        Receipt,
        how=st.sampled_from([CGROUP, PROCESSES]),
        took=_little,
        ended=_little,
        pids=st.lists(_little, max_size=LISTED).map(tuple),
        survived=_little,
        survivors=_processes,
        left=_little,
        spared=_processes,
    ),
}


@_messages
@given(
    st.one_of(
        st.builds(wire.Report, kind=st.just(wire.TIMEOUT), **_common),
        st.builds(
            wire.Report,
            kind=st.just(wire.FINISH),
            power=st.sampled_from(["", "stop", "restart"]),
            refusal=_text,
            **_common,
        ),
        st.builds(wire.Report, kind=st.just(wire.STOPPED), result=_text, **_common),
        st.builds(
            wire.Report,
            kind=st.sampled_from([wire.ERROR, wire.INTERRUPTED]),
            error_code=_text,
            error_description=_text,
            **_common,
        ),
        st.builds(wire.Report, kind=st.just(wire.INVALID), task_id=_ids, param=_text, value=_text),
        st.builds(wire.Report, kind=st.just(wire.VERIFIED), task_id=_ids),
        st.builds(
            wire.Report,
            kind=st.just(wire.FINISH),
            task_id=_ids,
            error_code=st.sampled_from(["", "1", "4"]),
            error_description=_text,
            file=st.just(True),
        ),
        st.builds(
            wire.Report,
            kind=st.just(wire.INVALID),
            task_id=_ids,
            param=_text,
            value=_text,
            error_description=_text,
            file=st.just(True),
        ),
        st.builds(
            wire.Report,
            kind=st.just(wire.RUNNING),
            task_id=_ids,
            output=st.binary(max_size=50),
            start=_count,
            offset=st.none() | _count,
        ),
    )
)
def test_report(said: wire.Report) -> None:
    query = {**_through_query(said.to_query()), "currentTime": "1", "containerId": "c"}
    assert wire.Report.from_query(said.kind, query, said.output) == said


@pytest.mark.parametrize("kind", sorted({*wire.KINDS} - {wire.FINISH, wire.INVALID}))
def test_a_file_has_no_other_report(kind: str) -> None:
    with pytest.raises(ValueError):
        wire.Report.from_query(kind, {"taskId": "f-1", "taskType": "sendfile"}, b"")


def test_the_code_of_a_stop_is_spelled_in_its_own_way() -> None:
    stopped = wire.Report(kind=wire.STOPPED, task_id="t-1", exit_code=5).to_query()
    finished = wire.Report(kind=wire.FINISH, task_id="t-1", exit_code=5).to_query()
    assert (stopped["exitcode"], finished["exitCode"]) == ("5", "5")
    assert "exitCode" not in stopped


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"taskId": ""},
        {"taskId": "t-1", "start": "x"},
        {"taskId": "t-1", "dropped": "-1"},
        {"taskId": "t-1", "exitCode": "0x1"},
        {"taskId": "t-1", "end": "9" * 15},
        {"taskId": "t-1", "survivors": "1,-2"},
        {"taskId": "t-1", "power": "off"},
    ],
)
def test_a_report_that_is_none(query: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        wire.Report.from_query(wire.FINISH, query, b"")


@_messages
@given(st.builds(wire.Ack, stop=st.booleans(), proceed=st.booleans(), hold=st.integers(0, 10**6)))
def test_acknowledgement(said: wire.Ack) -> None:
    assert wire.Ack.from_json(_through_json({**said.to_json(), "new": None})) == said


@pytest.mark.parametrize("body", [{}, {"hold": "x"}, {"hold": None}, {"stop": "yes"}, {"code": 1}])
def test_any_acknowledgement_is_one(body: dict[str, Any]) -> None:
    assert wire.Ack.from_json(body) == wire.Ack()


@_messages
@given(
    st.builds(
        wire.Inventory,
        boot_id=_text,
        running=st.lists(_ids, max_size=3).map(tuple),
        unacknowledged=st.lists(_ids, max_size=3).map(tuple),
    )
)
def test_inventory(said: wire.Inventory) -> None:
    assert wire.Inventory.from_json(_through_json({**said.to_json(), "new": []})) == said


@_messages
@given(st.lists(_ids, max_size=3))
def test_orders(ids: list[str]) -> None:
    said = wire.Orders(stop=tuple(ids))
    assert wire.Orders.from_json(_through_json(said.to_json())) == said
    with pytest.raises(ValueError):
        wire.Orders.from_json({"stop": "t-1"})
