"""Another key for all that is sealed: everything opens under it, and nothing under the old one."""

from __future__ import annotations

import ast
import base64
import os
from pathlib import Path

import pytest

from cloudhand.core.account import AccessKey
from cloudhand.core.ids import InstanceId
from cloudhand.core.notification import Kind, NewChannel
from cloudhand.core.orders import NewActivation, NewStoredParameter, Once
from cloudhand.core.stored_parameter import Type
from cloudhand.store.database import StoreError
from cloudhand.store.envelope import (
    Envelope,
    add_key,
    drop_old_keys,
    given_envelope,
    open_envelope,
)
from cloudhand.store.resealing import COLUMNS
from cloudhand.store.transaction import Transaction
from tests.rules.sources import SRC, below
from tests.world import World

KEY = AccessKey(id="LTAI-1", secret="hush", account_id="1")
CHANNEL = NewChannel(name="n", kind=Kind.FEISHU, address="https://a.example/", secret="hush")
ONCE = Once(token="token", fingerprint="f")


async def test_everything_is_sealed_anew(tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    async with World(tmp_path) as world:
        instance_id = await world.instance()
        await world.control.accounts.add(KEY)
        order = NewStoredParameter(name="word", type=Type.SECRET, value="hush", by="root")
        await world.control.stored_parameters.create(order)
        await world.control.activations.create(NewActivation(once=ONCE))
        await world.control.notifications.add(CHANNEL)
        old = key.read_bytes()
        add_key(key)
        await world.restart()
        assert await _count(world) >= 7
        drop_old_keys(key)
        assert len(key.read_bytes()) == 32
        assert key.read_bytes() != old
        await world.restart()
        invoke_id = await world.run(instance_id)  # for which its agent has to be known
        await world.until(lambda: world.ended(invoke_id))
        found = await world.control.accounts.get(KEY.id)
        assert found is not None and found.secret == "hush"
        assert await world.control.stored_parameters.secrets({"word"}) == {"word": "hush"}
        ((channel, _),) = await world.control.notifications.all()
        assert (channel.address, channel.secret) == (CHANNEL.address, CHANNEL.secret)
        with pytest.raises(StoreError):
            await _open_with(world, Envelope([old], "the old one"), instance_id)


async def _count(world: World) -> int:
    return await world.database.write(lambda tx: tx.reseal())


async def _open_with(world: World, envelope: Envelope, instance_id: InstanceId) -> None:
    async def work(tx: Transaction) -> None:
        tx.agents._envelope = envelope
        await tx.agents.get(instance_id)

    await world.database.read(work)


def test_every_column_that_is_sealed_is_known() -> None:
    sealing = {
        source.module.rpartition(".")[2]
        for source in below("src/cloudhand/store")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("seal", "written")
    }
    tables = {"accounts": "access_keys", "tokens": "client_tokens"}
    tables |= {"notifications": "notification_channels"}
    tables |= {"stored_parameters": "stored_parameter_versions", "execution_rows": "executions"}
    known = {column.table for column in COLUMNS}
    named = {tables.get(one, one) for one in sealing - {"resealing", "sealed"}}
    assert named == known
    assert SRC.exists()


def test_keys_may_be_given(tmp_path: Path) -> None:
    one, other = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    before = given_envelope(one, given_by="me")
    after = given_envelope(f"{other}, {one}", given_by="me")
    sealed = before.seal(b"hush", purpose="x")
    assert after.open(sealed, purpose="x") == b"hush"
    anew = after.seal(b"hush", purpose="x")
    assert given_envelope(other, given_by="me").open(anew, purpose="x") == b"hush"
    with pytest.raises(StoreError, match="wrong key in me"):
        before.open(anew, purpose="x")


@pytest.mark.parametrize("text", ["x", "é", "aGVsbG8=", ",", base64.b64encode(bytes(33)).decode()])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="cannot use me"):
        given_envelope(text, given_by="me")


def test_a_file_of_keys_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    open_envelope(path, new=True)
    add_key(path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(StoreError, match="it is no key"):
        open_envelope(path, new=False)
