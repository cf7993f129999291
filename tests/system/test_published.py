"""A published agent, as a stand-in plays it, at a control plane that is a process of its own."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from cloudhand.server.clock import SystemClock
from cloudhand.wire import agent as wire
from tests.official.agent import Agent
from tests.official.host import Host
from tests.official.network import Network
from tests.system.place import Plane


@dataclass
class _Unwatched:
    """Time passes by itself."""

    busy: int = 0


async def test_a_machine_that_trusts_the_private_authority_is_served_over_tls(
    own: Plane, tmp_path: Path
) -> None:
    own.options = ("--tls",)
    own.start()
    url = own.client.endpoint.url
    trusted = ssl.create_default_context(cafile=own.client.endpoint.ca)
    made = own.call("CreateActivation", InstanceCount=1)
    async with httpx.AsyncClient(trust_env=False, verify=trusted) as client:
        host = Host(
            network=Network(client, url, _Unwatched(), trusted=trusted),
            clock=SystemClock(),
            folder=tmp_path,
            key=rsa.generate_private_key(public_exponent=65537, key_size=2048),
        )
        said = host.registration(made["ActivationId"], made["ActivationCode"])
        host.instance_id = (await client.post(url + wire.REGISTER_PATH, json=said)).json()[
            "instanceId"
        ]
        life = asyncio.create_task(Agent(host).live())
        try:
            await asyncio.to_thread(own.wait, [host.instance_id], "Managed")
            result = await asyncio.to_thread(own.run, host.instance_id, "echo over TLS")
            assert (result.status, result.output) == ("Success", b"over TLS\n")
            invoke_id = await asyncio.to_thread(own.ask, [host.instance_id], "exit 194")
            async with asyncio.timeout(30):
                await host.going_down.wait()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            host.lose_power()
    told = own.call("DescribeInvocationResults", InvokeId=invoke_id)["Invocation"]
    (one,) = told["InvocationResults"]["InvocationResult"]
    assert (one["InvocationStatus"], one["ExitCode"]) == ("Success", 194)
    assert one["PowerAction"]["Action"] == "restart"
    assert host.problems == []
