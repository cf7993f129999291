"""A published agent, as a stand-in plays it, at a control plane that is a process of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from cloudhand.server.clock import SystemClock
from cloudhand.wire import agent as wire
from tests.official.agent import Agent
from tests.official.host import Host
from tests.official.network import Network, Unwatched
from tests.system.place import Plane


@pytest.fixture
def trusted(own: Plane) -> ssl.SSLContext:
    """The private authority of a control plane with TLS."""
    own.options = ("--tls",)
    own.start()
    return ssl.create_default_context(cafile=own.client.endpoint.ca)


@asynccontextmanager
async def joined(own: Plane, trusted: ssl.SSLContext, folder: Path) -> AsyncIterator[Host]:
    url = own.client.endpoint.url
    made = own.call("CreateActivation", InstanceCount=1)
    async with httpx.AsyncClient(trust_env=False, verify=trusted) as client:
        host = Host(
            network=Network(client, url, Unwatched(), trusted=trusted),
            clock=SystemClock(),
            folder=folder,
            key=rsa.generate_private_key(public_exponent=65537, key_size=2048),
        )
        said = host.registration(made["ActivationId"], made["ActivationCode"])
        host.instance_id = (await client.post(url + wire.REGISTER_PATH, json=said)).json()[
            "instanceId"
        ]
        life = asyncio.create_task(Agent(host).live())
        try:
            await asyncio.to_thread(own.wait, [host.instance_id], "Managed")
            yield host
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            host.lose_power()
    assert host.problems == []


async def test_a_machine_that_trusts_the_private_authority_is_served_over_tls(
    own: Plane, trusted: ssl.SSLContext, tmp_path: Path
) -> None:
    async with joined(own, trusted, tmp_path) as host:
        result = await asyncio.to_thread(own.run, host.instance_id, "echo over TLS")
        assert (result.status, result.output) == ("Success", b"over TLS\n")
        invoke_id = await asyncio.to_thread(own.ask, [host.instance_id], "exit 194")
        async with asyncio.timeout(30):
            await host.going_down.wait()
    told = own.call("DescribeInvocationResults", InvokeId=invoke_id)["Invocation"]
    (one,) = told["InvocationResults"]["InvocationResult"]
    assert (one["InvocationStatus"], one["ExitCode"]) == ("Success", 194)
    assert one["PowerAction"]["Action"] == "restart"


async def test_a_session_ends_at_both_ends_and_each_is_told_why(
    own: Plane, trusted: ssl.SSLContext, tmp_path: Path
) -> None:
    async with joined(own, trusted, tmp_path) as host:
        await asyncio.to_thread(own.run, host.instance_id, "true")  # so that it is online
        started = await asyncio.to_thread(
            own.call, "StartTerminalSession", InstanceId=[host.instance_id]
        )
        url = started["WebSocketUrl"]
        assert url.startswith(own.client.endpoint.url.replace("https", "wss") + "/session?")
        async with connect(url, ssl=trusted, proxy=None) as user:
            with pytest.raises(ConnectionClosed) as closed:
                await user.recv()
        assert closed.value.rcvd is not None
        # Its agent may have been faster to find out.
        assert closed.value.rcvd.code in (1008, 4003)

        def state() -> str:
            told = own.call("DescribeTerminalSessions", SessionId=started["SessionId"])
            (connection,) = told["Sessions"]["Session"][0]["Connections"]["Connection"]
            return f"{connection['Status']} {connection['FailedDetail']}"

        async with asyncio.timeout(30):
            while "Connecting" in (found := await asyncio.to_thread(state)):
                await asyncio.sleep(0)
        assert found.startswith("Failed the agent reported Open_channel_failed")
