"""What the proxy itself answers, in the shape of the real service's errors."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import assert_never

from cloudhand.passage.hosts import Place


@dataclass(frozen=True, kw_only=True)
class Refusal:
    status: int
    reason: str  # all that many clients show of a refused tunnel
    code: str
    message: str
    host: str

    def raw(self, *, keep: bool, head_only: bool = False) -> bytes:
        body = json.dumps(
            {
                "RequestId": str(uuid.uuid4()).upper(),
                "HostId": self.host,
                "Code": self.code,
                "Message": self.message,
                "Recommend": "",
            }
        ).encode()
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            "Content-Type: application/json;charset=utf-8",
            f"Content-Length: {len(body)}",
            f"Connection: {'keep-alive' if keep else 'close'}",
        ]
        if self.status == 407:
            lines.append('Proxy-Authenticate: Basic realm="cloudhand"')
        head = "\r\n".join(lines).encode("ascii", "replace") + b"\r\n\r\n"
        return head if head_only else head + body


def forbidden(host: str, place: Place) -> Refusal:
    match place:
        case Place.REAL:
            what = "belongs to the real Alibaba Cloud and is not served by Cloudhand"
        case Place.METADATA:
            what = "is where instance metadata is served"
        case Place.SERVED | Place.ELSEWHERE:
            raise ValueError(f"{host} is not refused")
        case never:
            assert_never(never)
    return Refusal(
        status=403,
        reason=f"Forbidden by Cloudhand: {host} {what}",
        code="Forbidden.Passage",
        message=f"{host} {what}: this rehearsal never reaches the real service.",
        host=host,
    )


def unreachable(endpoint: str, cause: str) -> Refusal:
    return Refusal(
        status=502,
        reason="Bad Gateway",
        code="Passage.ControlPlaneUnreachable",
        message=f"The Cloudhand control plane at {endpoint} cannot be reached ({cause}): "
        "see whether `cloudhand serve` still runs there.",
        host=endpoint,
    )


def no_way(host: str, cause: str) -> Refusal:
    return Refusal(
        status=502,
        reason=f"Bad Gateway: {cause}",
        code="Passage.HostUnreachable",
        message=f"{host} cannot be reached through the passage: {cause}.",
        host=host,
    )


def malformed(cause: str, *, status: int = 400) -> Refusal:
    return Refusal(
        status=status,
        reason="Bad Request" if status == 400 else "Request Header Fields Too Large",
        code="Passage.BadRequest",
        message=f"The passage cannot hand this request on: {cause}.",
        host="",
    )


UNKNOWN_CALLER = Refusal(
    status=407,
    reason="Proxy Authentication Required",
    code="Passage.ProxyAuthenticationRequired",
    message="This proxy serves one program; use the address in its HTTPS_PROXY, with the password.",
    host="",
)
