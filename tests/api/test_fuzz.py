"""Generated requests to every operation of every product: none is ever an internal error.

They are made from the declarations: most of their values are such as each parameter takes, the
others are hostile. `make fuzz` sends 50,000 of them and keeps what was answered, by operation.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from cloudhand.api import bind
from cloudhand.api.answer import Gate, answer
from cloudhand.api.bind import Parameter
from cloudhand.api.operation import Operation
from cloudhand.api.products import BY_PRODUCT, BY_VERSION
from cloudhand.api.refusal import Refused
from cloudhand.api.request import RawAnswer, RawRequest
from cloudhand.wire import rpc, signature, times
from tests.api.clients import OOS, tea
from tests.api.cloud import KEY, REGION, Cloud, cloud
from tests.api.oos import PAUSE, template
from tests.world import World

_EACH = [(product, name) for product, found in sorted(BY_PRODUCT.items()) for name in sorted(found)]
_TOTAL = int(os.environ.get("CLOUDHAND_TEST_EXAMPLES", "0")) * 5 // 2  # 50,000 of make fuzz
_EXAMPLES = max(_TOTAL // len(_EACH), 8)
_LEAST_SHARE = 0.6  # of the requests have a good signature and parameters that bind
_NONCES = count()
# A fault would answer for the operations, and without a key nobody could ask any more.
_NEVER = {"CreateFault": ("throttle", "offline"), "DeleteAccessKey": (KEY.id,)}

_HOSTILE: list[str] = [
    "", " ", "0", "-1", "9" * 40, "1e3", "true", "null", "[]", "{}", "[" * 3000, '{"a":1}', "%",
    "*", "'", "\0", "\ud800", "\u202e", "é" * 200, "x" * 3000, "../../etc/passwd",
    "2026-13-45T99:99:99Z", '["i-1", 7, null]', "{{oos:x}}", "${jndi:x}", "acs:ram::1:role/x",
]  # fmt: skip
_PLAIN = [
    "true", "false", "1", "10", "PlainText", "Base64", "Running", "name", "n-1", "/root", "/tmp",
    "0644", "2026-01-02T03:04:05Z", "2026-01-02T03:04Z", "192.0.2.0/24", "RunShellScript",
    "echo hello", "dHJ1ZQ==", "rate(1h)", "zh-CN", "linux", "PostPaid", "vpc", "instance",
    "command", "AllTogether", "ecs", "Custom", "System", "Active", "Inactive", "String",
    "StringList", "Success", "v1", "Approve", "YAML", "session", REGION, f"{REGION}-h",
]  # fmt: skip
_ONE_OF = re.compile(r"one of ([\w-]+(?:, [\w-]+)*)")
_JSON = {
    "JSON object": ["{}", '{"a": "b"}', '{"a": 1}'],
    "JSON list": ["[]", '["name"]'],
}

_SUFFIXES = ["", ".1", ".1.Key", ".2", ".x", ".-1"]
_HOW = ["query"] * 16 + ["form"] * 2 + ["twice", "forged"]

Flat = dict[str, str]


@dataclass
class Ground:
    """One control plane for all requests of a process, and what it has answered."""

    it: Cloud
    known: Sequence[str]
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    sent: int = 0
    bound: int = 0

    def ask(self, raw: RawRequest) -> RawAnswer:
        async def ask(world: World) -> RawAnswer:
            gate = Gate(since=world.clock.now() - timedelta(hours=1))
            return await answer(raw, BY_VERSION, world.tenancy, gate)

        return self.it.do(ask)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with cloud(tmp_path_factory.mktemp("fuzz")) as it:
        found = Ground(it, _known(it))
        yield found
        _keep(found.answers)
    assert found.bound >= _LEAST_SHARE * found.sent, f"{found.bound} of {found.sent}"


def _known(it: Cloud) -> list[str]:
    """Ids of things that are there."""
    ecs, oos = tea(it.endpoint), tea(it.endpoint, sdk=OOS)
    ids = [str(one) for one in it.instances(2)]
    run = {"Type": "RunShellScript", "CommandContent": "true"}
    kept = ecs("CreateCommand", Name="n", **run, ContentEncoding="PlainText")["CommandId"]
    once = ecs("RunCommand", **run, InstanceId=ids)["InvokeId"]
    again = ecs("RunCommand", **run, InstanceId=ids, Frequency="rate(1h)")["InvokeId"]
    activation = ecs("CreateActivation")["ActivationId"]
    oos("CreateTemplate", TemplateName="name", Content=template(PAUSE))
    executed = oos("StartExecution", TemplateName="name")["Execution"]["ExecutionId"]
    return [*ids, kept, once, again, activation, executed, template(PAUSE)]


def _keep(answers: Mapping[str, Counter[str]]) -> None:
    folder = os.environ.get("CLOUDHAND_TEST_ANSWERS")
    if folder:
        told = {name: dict(found.most_common()) for name, found in sorted(answers.items())}
        (Path(folder) / f"answers-{os.getpid()}.json").write_text(json.dumps(told, indent=1))


def _accepted(operation: Operation, parameter: Parameter, known: Sequence[str]) -> list[Flat]:
    """Ways to give a parameter that it takes by itself."""
    wire = parameter.names[0]
    forbidden = _NEVER.get(operation.name, ())
    choices = [word for found in _ONE_OF.findall(parameter.note) for word in found.split(", ")]
    texts = [*known, *choices, *_PLAIN, *_JSON.get(parameter.kind, ())]
    ways: list[Any] = [{wire: one} for one in texts if one not in forbidden]
    if parameter.kind == "Strings":
        ways = [{wire: [one]} for one in texts] + [{wire: list(known[:2])}]
    elif parameter.kind == "Tags":
        ways = [{wire: [{"Key": "k", "Value": "v"}]}, {wire: [{"Key": "k", "Value": ""}]}]
    elif parameter.kind == "Page":
        ways = [{"PageNumber": "1", "PageSize": "5"}, {"MaxResults": "20"}, {"PageNumber": "9"}]
    flat = [rpc.flatten(way) for way in ways]
    return [way for way in flat if _reads(parameter, way)]


def _reads(parameter: Parameter, flat: Flat) -> bool:
    try:
        parameter.read(flat, parameter.names[0])
    except Refused:
        return False
    return True


def _flat(chance: random.Random, operation: Operation, ways: Mapping[str, Sequence[Flat]]) -> Flat:
    flat: Flat = {"RegionId": REGION}
    for parameter in operation.parameters.values():
        wire = parameter.names[0]
        if wire == "RegionId" or not (parameter.required or chance.random() < 0.3):
            continue
        if ways[wire] and chance.random() < 0.97:
            flat |= chance.choice(ways[wire])
        else:
            flat[wire + chance.choice(_SUFFIXES)] = _hostile(chance)
    if chance.random() < 0.1:
        flat["Unheard" + chance.choice(_SUFFIXES)] = _hostile(chance)
    return flat


def _hostile(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(_HOSTILE)
    letters = (
        chr(chance.choice((chance.randrange(128), chance.randrange(0x10000)))) for _ in "x" * 20
    )
    return "".join(letters)[: chance.randrange(20)]


def _request(world: World, operation: Operation, flat: Flat, how: str) -> RawRequest:
    pairs = [
        ("Action", operation.name),
        ("Version", operation.product.version),
        ("AccessKeyId", KEY.id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", str(next(_NONCES))),
        ("Timestamp", times.second(world.clock.now())),
        *((name, value.encode("utf-8", "replace").decode()) for name, value in flat.items()),
    ]
    if how == "twice":
        pairs.append(pairs[-1])
    text = signature.v1_string_to_sign("POST", pairs)
    mac = signature.v1_signature(hashlib.sha1, "no" if how == "forged" else KEY.secret, text)
    query = urlencode([*pairs, ("Signature", mac)])
    if how == "form":
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return RawRequest(method="POST", query=b"", headers=headers, body=query.encode())
    return RawRequest(method="POST", query=query.encode(), headers={})


@pytest.mark.parametrize(("product", "name"), _EACH, ids=lambda one: str(one))
def test_no_request_is_an_internal_error(ground: Ground, product: str, name: str) -> None:
    operation = BY_PRODUCT[product][name]
    ways = {
        one.names[0]: _accepted(operation, one, ground.known)
        for one in operation.parameters.values()
    }
    chance = random.Random(f"{product} {name}")
    for _ in range(_EXAMPLES):
        flat, how = _flat(chance, operation, ways), chance.choice(_HOW)
        told = ground.ask(_request(ground.it.world, operation, flat, how))
        assert told.status < 500, (flat, told.body)
        code = ""
        if told.status != 200 and told.content_type.startswith("application/json"):
            code = json.loads(told.body)["Code"]
        ground.answers[f"{product} {name}"][code or str(told.status)] += 1
        ground.sent += 1
        ground.bound += how in ("query", "form") and _binds(operation, flat)


def _binds(operation: Operation, flat: Flat) -> bool:
    try:
        bind.bind(operation.params, operation.parameters, flat)
    except Refused:
        return False
    return True
