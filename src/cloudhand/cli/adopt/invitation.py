"""The activation of one run, and the installer that carries it: made when it is first needed."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from cloudhand.cli import joining
from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError, ClientError, Mistake
from cloudhand.cli.following import aside

MOST = 1000  # machines of one activation
_HOURS = 1
_RENEWED_AFTER = 45 * 60  # seconds, so that who begins then still has time


class Invitation:
    """Not for several threads, as its client is not."""

    def __init__(self, client: Client, url: str, count: int) -> None:
        """``url``: by which the machines reach the control plane; Mistake."""
        parts, own = urlsplit(url), urlsplit(client.endpoint.url)
        if parts.scheme != own.scheme:
            raise Mistake(f"the control plane speaks {own.scheme}: {url} is another")
        self._client = client
        self._host = parts.netloc
        self._count = count
        self._ids: list[str] = []
        self._script = ""
        self._made_at = 0.0

    def script(self) -> str:
        """For a shell; it is good for an hour. ClientError."""
        if not self._script or time.monotonic() - self._made_at > _RENEWED_AFTER:
            wanted = {
                "InstanceCount": self._count,
                "TimeToLiveInHours": _HOURS,
                "Description": "cloudhand adopt",
            }
            made = self._client.call("CreateActivation", wanted)
            self._ids.append(made["ActivationId"])
            self._made_at = time.monotonic()
            status, _, body = self._client.fetch(joining.installer(made), host=self._host)
            if status != 200:
                raise ClientError(f"cannot fetch the installer: {body.decode('utf-8', 'replace')}")
            self._script = body.decode()
        return self._script

    def close(self) -> None:
        """Nobody joins with it any more."""
        for one in self._ids:
            try:
                self._client.call("DisableActivation", {"ActivationId": one})
                self._forget(one)
            except ClientError as error:
                aside(f"cannot end the activation {one}, which ends by itself in an hour: {error}")

    def _forget(self, activation_id: str) -> None:
        try:
            self._client.call("DeleteActivation", {"ActivationId": activation_id})
        except ApiError as error:
            if error.code != "ActivationId.InUse":
                raise
