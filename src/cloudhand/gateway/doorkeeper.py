"""Who speaks: signatures of agents' requests, their time, and that none is played again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloudhand.control.control import Control
from cloudhand.control.pace import Pace, Strangers
from cloudhand.control.speaker import Speaker
from cloudhand.core.ids import BootId, InstanceId
from cloudhand.core.instance import Agent, AgentKind
from cloudhand.wire import agent as wire
from cloudhand.wire import checked, signature

WINDOW = timedelta(minutes=15)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A process that starts knows nothing of earlier requests, so it refuses what may be one.
_BEFORE_START = timedelta(seconds=5)
_KEYS_KEPT = 10_000
_LONGEST_REQUEST_ID = 128  # characters
_REMEMBERED = 16  # bytes of the digest of each, which are kept for a while
# Requests of one agent. What is refused beyond is asked again, so that nothing is lost.
_AT_ONCE, _PER_SECOND = 2000, 200


class Refused(Exception):
    """A request that is not answered. ``reason`` is one word for the agent."""

    def __init__(self, reason: str, message: str, *, status: int = 401) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Knock:
    """What of a request matters for who sent it. Header names are lower case."""

    method: str
    path: str
    query: str  # raw
    headers: Mapping[str, str]
    body: bytes
    address: str = ""  # of who sent it; empty: over a channel, whose opening was believed


class Doorkeeper:
    def __init__(self, control: Control) -> None:
        self._control = control
        self._started_at = control.clock.now()
        self._rotated_at = self._started_at
        control.pokes.on_clock_set(self._clock_set)
        self._strangers = Strangers()
        self._pace = Pace(at_once=_AT_ONCE, per_second=_PER_SECOND)
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()
        self._rsa_keys: dict[bytes, rsa.RSAPublicKey] = {}

    def _clock_set(self, by: timedelta) -> None:
        self._started_at += by
        self._rotated_at += by
        self._strangers.clock_set(by)
        self._pace.clock_set(by)

    async def identify(self, knock: Knock) -> Speaker:
        """The agent that sent a request; Refused."""
        headers = knock.headers
        instance_id = InstanceId(headers.get(wire.INSTANCE_HEADER, ""))
        agent = await self._control.agents.get(instance_id) if instance_id else None
        if agent is None:
            raise Refused("unknown-instance", f"cannot find an agent of {instance_id or 'nobody'}")
        self._check_time(headers.get(wire.TIMESTAMP_HEADER, ""))
        self._check_signature(agent, knock)
        # Last, so that nobody but the agent itself can use a request id up.
        self._check_replay(instance_id, headers.get(wire.REQUEST_HEADER, ""))
        self._check_pace(instance_id)
        # What nobody signed says nothing: the published signature does not cover this header.
        boot_id = headers.get(wire.BOOT_HEADER) if agent.kind is AgentKind.CLOUDHAND else None
        return Speaker(agent=agent, boot_id=BootId(boot_id) if boot_id else None)

    def tolerates(self, address: str) -> bool:
        """Whether one more refusal of somebody there is told, and logged, in full."""
        return not address or self._strangers.allow(address, self._control.clock.now())

    def _check_time(self, timestamp: str) -> None:
        now = self._control.clock.now()
        milliseconds = checked.whole(timestamp)
        if milliseconds is None:
            raise Refused("timestamp", "cannot read the timestamp")
        sent_at = _EPOCH + timedelta(milliseconds=milliseconds)
        if abs(now - sent_at) > WINDOW:
            raise Refused("timestamp", "the timestamp is more than 15 minutes off")
        if sent_at < self._started_at - _BEFORE_START:
            raise Refused("timestamp", "the request was made before this control plane started")

    def _check_replay(self, instance_id: InstanceId, request_id: str) -> None:
        if not 0 < len(request_id) <= _LONGEST_REQUEST_ID:
            raise Refused("request-id", "the request id is missing or too long")
        # As a digest: a busy agent has some hundred thousand remembered.
        key = sha256(f"{instance_id} {request_id}".encode()).digest()[:_REMEMBERED]
        now = self._control.clock.now()
        if now - self._rotated_at > 2 * WINDOW:
            self._seen_before, self._seen = self._seen, set()
            self._rotated_at = now
        if key in self._seen or key in self._seen_before:
            raise Refused("replay", "the request id was used before")
        self._seen.add(key)

    def _check_pace(self, instance_id: InstanceId) -> None:
        if not self._pace.allows(instance_id, self._control.clock.now()):
            message = f"{instance_id} asks more than {_PER_SECOND} times a second"
            raise Refused("rate", message, status=429)

    def _check_signature(self, agent: Agent, knock: Knock) -> None:
        match agent.kind:
            case AgentKind.CLOUDHAND:
                good = _hmac_fits(agent, knock)
            case AgentKind.PUBLISHED:
                good = self._rsa_fits(agent, knock.headers)
        if not good:
            raise Refused("signature", f"the signature of {agent.instance_id} does not match")

    def _rsa_fits(self, agent: Agent, headers: Mapping[str, str]) -> bool:
        # Compat: the published agent signs with RSA and MD5, and neither path nor body.
        text = "".join(
            (
                agent.instance_id,
                agent.machine_id,
                headers.get(wire.TIMESTAMP_HEADER, ""),
                headers.get(wire.REQUEST_HEADER, ""),
            )
        )
        try:
            given = base64.b64decode(headers.get(wire.RSA_SIGNATURE_HEADER, ""), validate=True)
            self._rsa_key(agent.key).verify(given, text.encode(), padding.PKCS1v15(), hashes.MD5())
        except (InvalidSignature, ValueError):  # no signature of this key, or no base64
            return False
        return True

    def _rsa_key(self, pem: bytes) -> rsa.RSAPublicKey:
        key = self._rsa_keys.get(pem)
        if key is None:
            key = public_key(pem)
            if len(self._rsa_keys) >= _KEYS_KEPT:
                self._rsa_keys.clear()
            self._rsa_keys[pem] = key
        return key


def public_key(pem: bytes) -> rsa.RSAPublicKey:
    """ValueError when the text is not an RSA public key of a sensible size."""
    try:
        key = serialization.load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(f"cannot use the public key: {error}") from error
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 8192:
        raise ValueError("cannot use the public key: it is not RSA of 2048 to 8192 bits")
    return key


def _hmac_fits(agent: Agent, knock: Knock) -> bool:
    headers = knock.headers
    expected = signature.sign_agent(
        agent.key,
        method=knock.method,
        path=knock.path,
        query=knock.query,
        body=knock.body,
        instance_id=agent.instance_id,
        timestamp=headers.get(wire.TIMESTAMP_HEADER, ""),
        request_id=headers.get(wire.REQUEST_HEADER, ""),
        boot_id=headers.get(wire.BOOT_HEADER, ""),
    )
    given = headers.get(wire.HMAC_SIGNATURE_HEADER, "")
    return compare_digest(expected.encode(), given.encode())
