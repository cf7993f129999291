"""Requests as clients of other languages form them: recorded by us, signed anew, and answered."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import yaml

from cloudhand.wire import signature, times
from tests.api.cloud import KEY, Cloud

RECORDED = yaml.safe_load((Path(__file__).parent / "replays.yml").read_text())
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "clients.md"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    kind: str
    body: bytes


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda one: str(one["client"]))
def test_a_request_of_another_client_is_answered(it: Cloud, recorded: dict[str, Any]) -> None:
    (instance_id,) = it.instances()
    filled = json.loads(json.dumps(recorded).replace("<instance>", instance_id))
    answer = _sent(it, filled)
    assert answer.status == 200, answer.body
    if "xml" in filled:
        assert answer.kind == "text/xml;charset=utf-8"
        assert f"<{filled['xml']}>".encode() in answer.body
        return
    body = json.loads(answer.body)
    for path, wanted in filled["expect"].items():
        found = _at(body, path)
        assert found if wanted == "<some>" else found == wanted, path


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if step.isdigit() else value[step]
    return value


def _sent(it: Cloud, recorded: Mapping[str, Any]) -> Answer:
    query, form = dict(recorded["query"]), dict(recorded.get("form", {}))
    headers = {"Host": it.endpoint, **recorded["headers"]}
    sign = _sign_v1 if recorded["way"] == "v1" else _sign_v3
    query, more = sign(recorded, query, form, headers)
    body = urlencode(form)
    with closing(HTTPConnection(it.endpoint, timeout=20)) as connection:
        connection.request(
            recorded["method"], f"/?{urlencode(query)}", body=body or None, headers=headers | more
        )
        answer = connection.getresponse()
        return Answer(status=answer.status, kind=answer.headers["Content-Type"], body=answer.read())


def _sign_v1(
    recorded: Mapping[str, Any],
    query: dict[str, str],
    form: dict[str, str],
    headers: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    query = {
        **query,
        "AccessKeyId": KEY.id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid4().hex,
        "Timestamp": times.second(datetime.now(UTC)),
    }
    pairs = [*query.items(), *form.items()]
    text = signature.v1_string_to_sign(recorded["method"], pairs)
    return {**query, "Signature": signature.v1_signature(hashlib.sha1, KEY.secret, text)}, {}


def _sign_v3(
    recorded: Mapping[str, Any],
    query: dict[str, str],
    form: dict[str, str],
    headers: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    digest = hashlib.sha256(urlencode(form).encode()).hexdigest()
    own = {
        "x-acs-action": recorded["action"],
        "x-acs-version": "2014-05-26",
        "x-acs-date": times.second(datetime.now(UTC)),
        "x-acs-signature-nonce": uuid4().hex,
        "x-acs-content-sha256": digest,
    }
    known = {name.lower(): value for name, value in {**headers, **own}.items()}
    signed = recorded["signed"]
    canonical = signature.v3_canonical_request(
        recorded["method"], list(query.items()), known, signed, digest
    )
    mac = signature.v3_signature(KEY.secret, signature.v3_string_to_sign(canonical))
    own["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={KEY.id}, SignedHeaders={';'.join(signed)}, Signature={mac}"
    )
    return query, own


def test_the_page_of_clients_names_each_of_them() -> None:
    page = PAGE.read_text()
    replayed = set(re.findall(r"^\| (.+?) \| replayed \|", page, re.MULTILINE))
    assert replayed == {one["client"] for one in RECORDED}
