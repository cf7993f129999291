"""The official clients, pointed at a test's endpoint; each calls any operation by its name.

Parameters are values by their names on the wire, as both clients' own classes spell them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_oos20190601 import models as oos_models
from alibabacloud_oos20190601.client import Client as OosClient
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from darabonba.core import DaraCore
from darabonba.exceptions import DaraException

from cloudhand.wire import rpc
from tests.api.cloud import KEY, REGION

Values = Mapping[str, Any]


@dataclass
class ClientError(Exception):
    """What a client raised, in words that all clients share."""

    code: str
    status: int
    message: str


class Caller(Protocol):
    def __call__(self, action: str, **values: Any) -> Any:
        """The answer as JSON, or ClientError."""


@dataclass(frozen=True)
class Sdk:
    """What the clients know of a product."""

    product: str
    version: str
    client: Any
    models: Any


ECS = Sdk("Ecs", "2014-05-26", EcsClient, ecs_models)
OOS = Sdk("oos", "2019-06-01", OosClient, oos_models)
RAM = Sdk("Ram", "2015-05-01", RamClient, ram_models)
STS = Sdk("Sts", "2015-04-01", StsClient, sts_models)


def _method(action: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", action).lower()


def _request(sdk: Sdk, action: str, values: Values) -> Any:
    request = getattr(sdk.models, f"{action}Request")()
    return request.from_map({"RegionId": REGION, **values})


def tea_client(endpoint: str, *, sdk: Sdk = ECS, **options: Any) -> Any:
    given = {"access_key_id": KEY.id, "access_key_secret": KEY.secret, **options}
    return sdk.client(Config(endpoint=endpoint, protocol="http", **given))


def tea(endpoint: str, *, sdk: Sdk = ECS, **options: Any) -> Caller:
    """The newer client, blocking; it signs with V3 unless ``signature_algorithm`` is v2."""
    client = tea_client(endpoint, sdk=sdk, **options)

    def call(action: str, **values: Any) -> Any:
        request = _request(sdk, action, values)
        return _told(lambda: getattr(client, _method(action))(request))

    return call


def tea_async(endpoint: str, *, sdk: Sdk = ECS, **options: Any) -> Caller:
    """The newer client, not blocking, each call in a loop of its own."""
    client = tea_client(endpoint, sdk=sdk, **options)

    def call(action: str, **values: Any) -> Any:
        method = getattr(client, f"{_method(action)}_async")
        return _told(lambda: asyncio.run(method(_request(sdk, action, values))))

    return call


def oos(endpoint: str) -> Caller:
    """The client of the orchestration service, of the newer kind."""
    config = Config(
        endpoint=endpoint, protocol="http", access_key_id=KEY.id, access_key_secret=KEY.secret
    )
    client = OosClient(config)

    def call(action: str, **values: Any) -> Any:
        request = getattr(oos_models, f"{action}Request")().from_map({"RegionId": REGION, **values})
        return _told(lambda: getattr(client, _method(action))(request))

    return call


def _told(send: Callable[[], Any]) -> Any:
    try:
        return send().body.to_map()
    except DaraException as error:
        raise ClientError(
            str(error.code), int(getattr(error, "status_code", 0) or 0), str(error.message)
        ) from error


def classic(
    endpoint: str,
    *,
    sdk: Sdk = ECS,
    key_id: str = KEY.id,
    secret: str = KEY.secret,
    method: str = "POST",
) -> Caller:
    """The older client, which signs with V1."""

    def call(action: str, **values: Any) -> Any:
        # It keeps a connection for as long as there is a reference to it, as a fixture has.
        client = AcsClient(key_id, secret, REGION, auto_retry=False)
        request = CommonRequest(
            domain=endpoint, version=sdk.version, action_name=action, product=sdk.product
        )
        request.set_method(method)
        for name, value in rpc.flatten(_as_json(sdk, values)).items():
            request.add_query_param(name, value)
        try:
            return json.loads(client.do_action_with_exception(request))
        except ServerException as error:
            raise ClientError(
                error.get_error_code(), error.get_http_status(), error.get_error_msg()
            ) from error

    return call


_OBJECTS = ("Parameters", "EncryptionOptions")


def _as_json(sdk: Sdk, values: Values) -> Values:
    """Callers of the older client write these as JSON themselves: in OOS all that is no text."""
    return {
        name: json.dumps(value)
        if isinstance(value, dict | list)
        and (sdk is OOS or name in _OBJECTS or name.endswith("Config"))
        else value
        for name, value in values.items()
    }


CALLERS: Mapping[str, Callable[..., Caller]] = {
    "tea": tea,
    "tea async": tea_async,
    "tea v2": partial(tea, signature_algorithm="v2"),
    "classic": classic,
    "classic get": partial(classic, method="GET"),
}


def code_of(call: Caller, action: str, **values: Any) -> str:
    """Of the error that a client raises."""
    with pytest.raises(ClientError) as caught:
        call(action, **values)
    return caught.value.code


def hang_up() -> None:
    """Close the connections that the newer client keeps for the whole process."""
    for session in DaraCore._sessions.values():
        session.close()
    DaraCore._sessions.clear()
