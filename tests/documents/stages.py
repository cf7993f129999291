"""The stage of each page."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

from tests.documents.room import Room
from tests.documents.stage import Happens, Stage
from tests.rules.sources import ROOT
from tests.system.waiting import until

_SERVE = "cloudhand serve --state ~/cloudhand --listen 127.0.0.1:8650"
_SDK_PROGRAM = ROOT / "tests/system/programs/newer_sdk.py"


def serve(room: Room, *options: str) -> None:
    room.stay("serve", " ".join((_SERVE, *options)), "access key")


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
    room.write(f"/usr/local/bin/{name}", f"#!/bin/sh\n{text}\n", 0o755)


def does(script: str) -> Happens:
    def happens(room: Room) -> None:
        room.do(script)

    return happens


def _secret(room: Room) -> None:
    # Let in is who knows the password.
    program(room, "psql", '[ "$PGPASSWORD" = open-sesame ] && echo 1')
    serve(room)
    instances(room, "db-1", tag="role=db")


def _machine_is_lost(room: Room) -> None:
    room.end("serve")
    room.do("rm -r ~/cloudhand")


def _scheduled(room: Room) -> None:
    serve(room)
    instances(room, "web-1")


def _program(room: Room) -> None:
    room.write("your_program.py", _SDK_PROGRAM.read_text())


def _written_with_mistakes(room: Room) -> None:
    room.do("cp it.yml right.yml; sed -i 's/ECS::RunCommand/ECS::RunComand/' it.yml")
    room.do("sed -i '0,/getInstance.ids/s//getInstance.id/' it.yml")


def _fleet_of_production(room: Room) -> None:
    program(room, "systemctl", "true")
    serve(room)
    instances(room, "web-1", "web-2", tag="env=prod")


_AS_ANN = "grep '^export' ~/ann >>~/.before"
_AS_OWNER = "printf 'unset CLOUDHAND_%s\\n' ENDPOINT ACCESS_KEY_ID ACCESS_KEY_SECRET >>~/.before"


def _others(room: Room) -> None:
    serve(room)
    instances(room, "web-01", tag="env=prod")


def _is_ann(room: Room) -> None:
    lines = [line for line in room.said.splitlines() if line.startswith("export CLOUDHAND_")]
    room.do("cat >>~/.before <<'END'\n" + "\n".join(lines[-3:]) + "\nEND")


def _is_owner(room: Room) -> None:
    room.do(_AS_OWNER)


def _of_test(room: Room) -> None:
    _is_owner(room)
    (one,) = {word for word in room.said.split() if word.startswith("i-")}
    room.do(f"cloudhand call TagResources ResourceType=instance ResourceId.1={one} Tag.1.Key=env Tag.1.Value=test")


def _receiver(room: Room) -> None:
    room.write("receiver.py", _RECEIVER)
    room.do("cloudhand notify add own --to webhook --address-file own.url >own.secret")
    room.stay("receiver", "python receiver.py", "ready")
    said = room.do("cloudhand notify test own 2>&1")
    assert said == "delivered\n", said
    room.end("receiver")


_RECEIVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from signed import verified

secret = Path("own.secret").read_text().strip()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            verified(self.headers, body, secret)
        except ValueError:
            self.send_error(403)
        else:
            self.send_response(204)
            self.end_headers()


server = HTTPServer(("127.0.0.1", 8700), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def _told(room: Room) -> None:
    serve(room, "--web-hooks-to 127.0.0.0/8")
    room.write("robot.url", "https://open.feishu.cn/open-apis/bot/v2/hook/0b2f\n")
    room.write("robot.secret", "some secret\n")
    room.write("own.url", "http://127.0.0.1:8700/hook\n")
    room.do("echo \"ADDRESS='https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a'\" >>~/.before")


STAGES = {
    "back-up-and-restore": Stage(
        opens=serve,
        before={
            "cloudhand serve --state ~/cloudhand-again --listen 0.0.0.0:8650 --tls"
            " --name control.example": _machine_is_lost
        },
        closes=does("cloudhand call DescribeRegions --state ~/cloudhand-again"),
    ),
    "be-told-when-something-fails": Stage(
        opens=_told,
        answers={
            "Address: ": "echo 'https://oapi.dingtalk.com/robot/send?access_token=123'",
            "Secret, if it has one: ": "echo SEC123",
        },
        closes=_receiver,
    ),
    "give-a-script-a-secret": Stage(opens=_secret, answers={"Value: ": "echo open-sesame"}),
    "let-others-in": Stage(
        opens=_others,
        before={
            "cloudhand reboot web-01": _is_ann,
            "cloudhand account add restarter --role --policy AliyunECSReadOnlyAccess": _of_test,
        },
        ends={"cloudhand reboot web-01": 3},
    ),
    "run-on-a-schedule": Stage(
        opens=_scheduled,
        ends={"cloudhand result t-...": 1},  # it goes on
    ),
    "run-your-program-unchanged": Stage(
        opens=_program, before={"cloudhand exec -- python your_program.py": serve}
    ),
    "test-with-pytest": Stage(),
    "write-and-rehearse-a-template": Stage(
        before={
            "cloudhand template validate it.yml": _written_with_mistakes,
            "cloudhand template graph it.yml --svg it.svg": does("mv right.yml it.yml"),
            "cloudhand template run it.yml --tag env=prod --param script='systemctl restart web'": (
                _fleet_of_production
            ),
        },
        ends={"cloudhand template validate it.yml": 1},
    ),
}
