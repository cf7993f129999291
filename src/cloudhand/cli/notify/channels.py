"""Notification channels, as the public API tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cloudhand.cli.client import Client
from cloudhand.cli.errors import ApiError, Mistake

Name = Annotated[str, typer.Argument(help="Of the channel, as `notify list` tells it.")]


def all_of(client: Client) -> list[Mapping[str, Any]]:
    """In the order of their names."""
    found: list[Mapping[str, Any]] = client.call("ListNotificationChannels")["Channels"]
    return found


def call(client: Client, action: str, name: str) -> dict[str, Any]:
    """Mistake if there is none of that name."""
    try:
        return client.call(action, {"ChannelName": name})
    except ApiError as error:
        if error.code == "InvalidParameter.ChannelName":
            raise Mistake(str(error)) from None
        if error.code != "InvalidChannelName.NotFound":
            raise
        listing = client.endpoint.command("notify list")
        raise Mistake(f"there is no channel {name}: {listing} lists all") from None
