"""Answers as bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.etree import ElementTree

import msgspec

from cloudhand.api import render
from cloudhand.api.ecs.shapes import Done
from cloudhand.api.refusal import Refused, WireError
from cloudhand.api.render import Format

ID = "0F0E0D0C-0000-4000-8000-000000000000"


class Ids(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_id: Sequence[str]


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    instance_ids: Ids
    bare: Sequence[str]
    ready: bool
    text: str
    absent: str | msgspec.UnsetType = msgspec.UNSET


ANSWER = Answer(
    instance_ids=Ids(instance_id=["i-1", "i-2"]), bare=["x"], ready=True, text="<&\x00é>"
)


def test_a_result_in_json_has_the_request_id_and_leaves_out_what_is_unset() -> None:
    body = render.result("Try", ANSWER, request_id=ID, form=Format.JSON)
    assert json.loads(body) == {
        "RequestId": ID,
        "InstanceIds": {"InstanceId": ["i-1", "i-2"]},
        "Bare": ["x"],
        "Ready": True,
        "Text": "<&\x00é>",
    }


def test_a_result_without_anything_has_the_request_id() -> None:
    assert json.loads(render.result("Try", Done(), request_id=ID, form=Format.JSON)) == {
        "RequestId": ID
    }


def test_a_list_in_xml_is_an_element_per_item() -> None:
    root = ElementTree.fromstring(
        render.result("Try", ANSWER, request_id=ID, form=Format.XML).decode()
    )
    assert root.tag == "TryResponse"
    assert root.findtext("RequestId") == ID
    assert [one.text for one in root.findall("InstanceIds/InstanceId")] == ["i-1", "i-2"]
    assert [one.text for one in root.findall("Bare")] == ["x"]
    assert root.findtext("Ready") == "true"
    # What XML cannot hold is shown as the replacement character.
    assert root.findtext("Text") == "<&\ufffdé>"
    assert root.find("Absent") is None


def test_an_error_has_all_its_fields_in_both_formats() -> None:
    refused = Refused(WireError(code="Bad.Thing", status=400, message="A <bad> thing."))
    given: dict[str, str] = {"product": "Ecs", "request_id": ID, "host": "here:1"}
    fields = json.loads(render.error(refused, form=Format.JSON, **given))
    assert fields == {
        "RequestId": ID,
        "HostId": "here:1",
        "Code": "Bad.Thing",
        "Message": "A <bad> thing.",
        "Recommend": f"https://api.aliyun.com/troubleshoot?q=Bad.Thing&product=Ecs&requestId={ID}",
    }
    root = ElementTree.fromstring(render.error(refused, form=Format.XML, **given).decode())
    assert root.tag == "Error"
    assert {one.tag: one.text for one in root} == fields
