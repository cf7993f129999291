"""The stage of each page."""

from __future__ import annotations

from tests.documents.room import Room
from tests.documents.stage import Stage
from tests.system.waiting import until


def serve(room: Room) -> None:
    room.stay("serve", "cloudhand serve --state ~/cloudhand --listen 127.0.0.1:8650", "access key")


def instances(room: Room, *names: str, tag: str = "") -> None:
    """Made, and online."""
    key, _, value = tag.partition("=")
    tagged = f" Tag.1.Key={key} Tag.1.Value={value}" if tag else ""
    for name in names:
        room.do(f"cloudhand call RunInstances Amount=1 InstanceName={name}{tagged}")
    online(room, *names)


def online(room: Room, *names: str) -> None:
    def all_are() -> bool:
        lines = room.do("cloudhand instances").splitlines()
        return all(any(name in one and "online" in one for one in lines) for name in names)

    until(all_are, at_most=60, what=f"{names} being online")


def program(room: Room, name: str, text: str) -> None:
    """Of the reader, on the way that shells look."""
    room.write(name, f"#!/bin/sh\n{text}\n", 0o755)


def _secret(room: Room) -> None:
    # Let in is who knows the password.
    program(room, "/usr/local/bin/psql", '[ "$PGPASSWORD" = open-sesame ] && echo 1')
    serve(room)
    instances(room, "db-1", tag="role=db")


STAGES = {
    "give-a-script-a-secret": Stage(opens=_secret, answers={"Value: ": "open-sesame"}),
}
