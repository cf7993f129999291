"""Messages as those at the other end take them, and what their answers mean. Pure.

Signed webhooks follow the published scheme of Standard Webhooks. Robots of chats answer 200 to what
they refuse, with a code in the body.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, assert_never
from urllib.parse import quote_plus, urlsplit

from cloudhand.core.notification import Answer, Channel, Kind, News, Refusal
from cloudhand.core.notification_words import short

_BEFORE_SECRETS = "whsec_"  # of Standard Webhooks; their base64 follows
_SECRET_SIZES = range(24, 65)  # bytes

# How robots of chats say that there are too many messages.
_TOO_MANY = frozenset({130101, 45009, 9499, 11232})
_WAIT = timedelta(minutes=1)
_SAID = 200  # characters of what they say that are kept


@dataclass(frozen=True, kw_only=True)
class Post:
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is told, in whatever form."""

    id: str
    text: str
    news: Sequence[News]
    account: str
    began_at: datetime
    test: bool = False

    def told(self) -> dict[str, Any]:
        return {
            "type": "cloudhand.test" if self.test else "cloudhand.events",
            "timestamp": self.began_at.isoformat(timespec="milliseconds"),
            "data": {
                "account": self.account,
                "text": self.text,
                "events": [one.told() for one in self.news],
            },
        }


def new_secret(random: bytes) -> str:
    return _BEFORE_SECRETS + base64.b64encode(random).decode()


def is_secret(text: str) -> bool:
    """Whether a webhook can be signed with it."""
    try:
        size = len(_key(text))
    except ValueError:
        return False
    return text.startswith(_BEFORE_SECRETS) and size in _SECRET_SIZES


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_BEFORE_SECRETS), validate=True)


def post(channel: Channel, message: Message, *, now: datetime) -> Post:
    """Signed for this moment."""
    url, headers = channel.address, {"Content-Type": "application/json; charset=utf-8"}
    match channel.kind:
        case Kind.WEBHOOK:
            body = _json(message.told())
            headers |= _standard(channel.secret, message.id, body, now)
        case Kind.DINGTALK:
            body = _json({"msgtype": "text", "text": {"content": message.text}})
            url = _of_dingtalk(url, channel.secret, now)
        case Kind.FEISHU:
            content = {"msg_type": "text", "content": {"text": _plain(message.text)}}
            body = _json({**_of_feishu(channel.secret, now), **content})
        case Kind.WECOM:
            body = _json({"msgtype": "text", "text": {"content": _plain(message.text)}})
        case Kind.SLACK:
            body = _json({"text": _escaped(message.text)})
        case never:
            assert_never(never)
    return Post(url=url, headers=headers, body=body)


def refusal(channel: Channel, answer: Answer, *, now: datetime) -> Refusal | None:
    """None: it was taken."""
    asked = _asked(answer.retry_after, now)
    if not 200 <= answer.status < 300:
        told = _told(channel, answer) if channel.kind is not Kind.WEBHOOK else ""
        return Refusal(why=f"it answered {answer.status}{told}", retry_after=asked)
    match channel.kind:
        case Kind.WEBHOOK | Kind.SLACK:
            return None
        case Kind.DINGTALK | Kind.FEISHU | Kind.WECOM:
            code = _code(_object(answer.body))
            if code == 0:
                return None
            if code is None:
                return Refusal(why=f"what answers is no robot of {channel.kind}", retry_after=asked)
            wait = max(asked, _WAIT) if code in _TOO_MANY else asked
            return Refusal(why=f"it answered {code}{_told(channel, answer)}", retry_after=wait)
        case never:
            assert_never(never)


def _standard(secret: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    mac = base64.b64encode(hmac.digest(_key(secret), signed, sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{mac}",
    }


def _of_dingtalk(url: str, secret: str, now: datetime) -> str:
    if not secret:
        return url
    stamp = str(int(now.timestamp() * 1000))
    mac = base64.b64encode(hmac.digest(secret.encode(), f"{stamp}\n{secret}".encode(), sha256))
    between = "&" if urlsplit(url).query else "?"
    return f"{url}{between}timestamp={stamp}&sign={quote_plus(mac)}"


def _of_feishu(secret: str, now: datetime) -> dict[str, str]:
    """Its robots have what is signed as the key, and sign nothing with it."""
    if not secret:
        return {}
    stamp = str(int(now.timestamp()))
    mac = hmac.digest(f"{stamp}\n{secret}".encode(), b"", sha256)
    return {"timestamp": stamp, "sign": base64.b64encode(mac).decode()}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _plain(text: str) -> str:
    """A name may call everybody: <at user_id="all"> does, in some chats."""
    return text.replace("<", "‹").replace(">", "›")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _code(told: Mapping[str, Any]) -> int | None:
    for name in ("errcode", "code", "StatusCode"):
        if isinstance(told.get(name), int):
            return int(told[name])
    return None


def _told(channel: Channel, answer: Answer) -> str:
    """What it says itself, unless that repeats what nobody is to read."""
    found = _object(answer.body)
    said = found.get("errmsg") or found.get("msg") or found.get("StatusMessage") or ""
    said = short(str(said), size=_SAID)
    parts = urlsplit(channel.address)
    hidden = [channel.secret, parts.path.rpartition("/")[2], parts.query.rpartition("=")[2]]
    if not said or any(one and one in said for one in hidden):
        return ""
    return f": {said}"


def _asked(header: str, now: datetime) -> timedelta:
    """Of a Retry-After: seconds, or a moment."""
    try:
        if header.isdigit():
            return timedelta(seconds=int(header[:9]))
        until = parsedate_to_datetime(header)
    except ValueError:
        return timedelta()
    return until.replace(tzinfo=until.tzinfo or UTC) - now
