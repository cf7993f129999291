"""The official clients, pointed at a test's endpoint, and one way to call any operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from tests.api.cloud import KEY, REGION


def tea(endpoint: str, **options: Any) -> Client:
    given = {"access_key_id": KEY.id, "access_key_secret": KEY.secret, **options}
    return Client(Config(endpoint=endpoint, protocol="http", region_id=REGION, **given))


def classic(key_id: str = KEY.id, secret: str = KEY.secret) -> AcsClient:
    return AcsClient(key_id, secret, REGION, auto_retry=False)


def call(client: Client, name: str, **parameters: Any) -> Any:
    """``call(client, "RunCommand", instance_id=[…])``: the answer's body."""
    request = getattr(models, f"{name}Request")(region_id=REGION, **parameters)
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
    return getattr(client, method)(request).body


def classic_call(
    client: AcsClient, endpoint: str, name: str, parameters: Mapping[str, str], **options: str
) -> Any:
    request = CommonRequest(domain=endpoint, version="2014-05-26", action_name=name, product="Ecs")
    request.set_method(options.get("method", "POST"))
    for key, value in parameters.items():
        request.add_query_param(key, value)
    return json.loads(client.do_action_with_exception(request))
