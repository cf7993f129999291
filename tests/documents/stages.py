"""The stage of each page."""

from __future__ import annotations

import re
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path

import cloudhand
from tests.documents.room import Room
from tests.documents.stage import Happens, Stage
from tests.official import program as published
from tests.rules.sources import ROOT
from tests.system import adoptable
from tests.system.adoptable import NO_PYTHON
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


def only(room: Room) -> str:
    """The id of the instance."""
    (found,) = set(re.findall(r"\bi-\w+", room.said))
    return str(found)


def program(room: Room, name: str, text: str) -> None:
    """Of the reader, on the way that shells look."""
    room.write(f"/usr/local/bin/{name}", f"#!/bin/sh\n{text}\n", 0o755)


def does(script: str) -> Happens:
    def happens(room: Room) -> None:
        room.do(script)

    return happens


def _reachable(room: Room) -> None:
    """The control plane has an address of its own."""
    room.do("ip address add 10.0.0.5/32 dev lo")
    room.do("cp /etc/hosts hosts; sed -i 's/ control.example//; $a 10.0.0.5 control.example' hosts")
    room.do("cat hosts >/etc/hosts")


def _deregistered(room: Room) -> None:
    """And the line is at hand that was pasted first."""
    room.do(f"cloudhand call DeregisterManagedInstance InstanceId={_joined(room)[-1]}")
    line = next(one for one in room.said.splitlines() if one.startswith("curl -fsS"))
    room.write("line", line.removesuffix("| sudo sh"))


def _joined(room: Room) -> list[str]:
    """Under which ids, one after the other."""
    return re.findall(r"^registered as (mi-\w+)$", room.said, re.MULTILINE)


def _became_another(room: Room) -> None:
    first, second, third = _joined(room)
    assert len({first, second, third}) == 3
    room.said += second  # it is copied from where it was said


def _behind_a_proxy(room: Room) -> None:
    """It is a machine that has not joined yet."""
    room.do(_UNINSTALL)
    room.do("echo 127.0.0.1 proxy.example >>/etc/hosts")
    room.write("proxy.py", _PROXY)
    room.stay("proxy", f"env PYTHONPATH={ROOT} python proxy.py", "ready")


_PROXY = """
import threading

from tests.agent.proxies import Proxy

with Proxy(port=3128, secret="name:password"):
    print("ready", flush=True)
    threading.Event().wait()
"""


def _without_python(room: Room) -> None:
    """It joined through the proxy, and is another machine now, which is old."""
    room.do("grep -q name:password@proxy.example /var/lib/cloudhand-agent/identity.json")
    room.do(_UNINSTALL)
    room.end("proxy")
    room.do(f"echo 'unset CLOUDHAND_PROXY; PATH={_WITHOUT_OURS}' >>~/.before")
    room.do(f"PATH={_WITHOUT_OURS}\n{NO_PYTHON[-1]}")


_UNINSTALL = "/usr/local/lib/cloudhand-agent/uninstall"
_WITHOUT_OURS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _published_agent_is_had(room: Room) -> None:
    made = published.written(room.folder / "published")
    room.do(f"cp {made} .")


def _with_python(room: Room) -> None:
    room.do(r"awk '$2 ~ /\/python3[^\/]*$/ {print $2}' /proc/mounts | xargs umount")
    room.do(_UNINSTALL)
    room.do('echo "PATH=$PATH" >>~/.before')


def _activated(room: Room) -> None:
    """By hand after all."""
    room.do("cp ~/cloudhand/tls/ca.pem .")
    room.do(
        "python -c 'from pathlib import Path; from cloudhand.agent_dist.build import build;"
        ' build(Path("cloudhand-agent.pyz"))\'; chmod +x cloudhand-agent.pyz'
    )
    for name, key in (("id", "ActivationId"), ("code", "ActivationCode")):
        room.write(name, re.findall(rf'"{key}": "([^"]+)"', room.said)[-1])


def _agent_has_ended(room: Room) -> None:
    room.end("./cloudhand-agent.pyz run")


def _back(room: Room) -> None:
    room.write("/root/update", "#!/bin/sh\n", 0o755)
    room.stay("again", "./cloudhand-agent.pyz run", "online")
    machine = re.findall(r"\bmi-\w+", room.said)[-1]
    room.do(
        f"cloudhand call TagResources ResourceType=managedinstance ResourceId.1={machine}"
        " Tag.1.Key=room Tag.1.Value=3 --state ~/cloudhand"
    )


def _ended_again(room: Room) -> None:
    room.end("again")


_REGISTER = "./cloudhand-agent.pyz register --server https://control.example:8650"
_ACTIVATION = "--activation-id ID --activation-code CODE"
_PASTED = (
    "curl -fsS --insecure --pinnedpubkey sha256//..."
    " 'https://control.example:8650/install.sh?activation=...&code=...' | sudo sh"
)


def _release(room: Room, version: str, *, bad: bool = False) -> None:
    """Another release of Cloudhand is installed, and the control plane started anew with it.

    Agents of a bad one start, and never join.
    """
    room.do(
        f"mkdir -p ~/{version}; cp -r {ROOT}/src/cloudhand ~/{version}/; cd ~/{version}/cloudhand;"
        " rm -f agent_dist/cloudhand-agent.pyz;"
        f" sed -i 's/{cloudhand.__version__}/{version}/' __init__.py"
    )
    if bad:
        line = "        inventory = self._runner.inventory()"
        room.do(
            f"cd ~/{version}/cloudhand/agent;"
            f" sed -i 's/^{line}/        threading.Event().wait()\\n&/' life.py;"
            " grep -q 'Event().wait()$' life.py"
        )
    room.end("serve")
    _serve_all(room, f"env PYTHONPATH=$HOME/{version} ")


def _serve_all(room: Room, before: str = "") -> None:
    listening = "--listen 0.0.0.0:8650 --tls --name control.example"
    room.stay("serve", f"{before}cloudhand serve --state ~/cloudhand {listening}", "access key")


def _joins(room: Room, address: str, name: str) -> None:
    room.do(f"ip address add {address}/32 dev lo")
    room.neighbours.start(address, name)
    room.neighbours.listening()
    line = room.do("cloudhand invite --tag room=3").strip()
    done = room.neighbours.run(name, line.replace("sudo sh", f"sh -s -- --name {name}"))
    assert done.returncode == 0, done.stdout + done.stderr
    online(room, name)


def _two_machines(room: Room) -> None:
    _serve_all(room)
    _joins(room, "10.0.0.11", "web-1")
    _release(room, "0.1.1")
    online(room, "web-1")
    _joins(room, "10.0.0.12", "web-2")


def _bad_release(room: Room) -> None:
    _release(room, "0.1.2", bad=True)
    online(room, "web-1", "web-2")


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


def _others(room: Room) -> None:
    serve(room)
    instances(room, "web-01", tag="env=prod")


def _is_who_was_let_in(room: Room) -> None:
    """In a shell with the lines that were said last."""
    lines = [line for line in room.said.splitlines() if line.startswith("export CLOUDHAND_")]
    room.do("cat >>~/.before <<'END'\n" + "\n".join(lines[-3:]) + "\nEND")


def _is_owner(room: Room) -> None:
    room.do(f"printf 'unset CLOUDHAND_%s\\n' {_KEY} >>~/.before")


_KEY = "ENDPOINT ACCESS_KEY_ID ACCESS_KEY_SECRET"


def _first_key(room: Room) -> None:
    """It is copied from where it was said first."""
    room.said += re.findall(r"\bACCESS_KEY_ID=LTAI\w+", room.said.replace("CLOUDHAND_", ""))[0]


def _of_test(room: Room) -> None:
    _is_owner(room)
    room.do(
        f"cloudhand call TagResources ResourceType=instance ResourceId.1={only(room)}"
        " Tag.1.Key=env Tag.1.Value=test"
    )


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
    room.do(
        "echo \"ADDRESS='https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a'\" >>~/.before"
    )


def _half_past_nine(room: Room) -> None:
    """In Berlin, as the page is read: no window is open there at that time."""
    now = datetime.now(UTC)
    ahead = 9 * 60 + 31 - (now.hour * 60 + now.minute)  # minutes; POSIX counts the other way round
    offset = f"{'-' if ahead >= 0 else ''}{abs(ahead) // 60}:{abs(ahead) % 60:02}"
    # A file without moments and types but one, and with the rule that holds for all time.
    header = b"TZif2" + bytes(15) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + bytes(6) + b"CET\0"
    zone = header + header + f"\n<CET>{offset}\n".encode()
    path = "/usr/share/zoneinfo/Europe/Berlin"
    room.do(f"mkdir -p $(dirname {path}); rm -f {path}")  # it may be one with others
    room.do(f"echo {zone.hex()} | python -c '{_UNHEX}' >{path}")


_UNHEX = "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))"


def _refusing(room: Room) -> None:
    _half_past_nine(room)
    serve(room)
    # This machine itself, by the line that is pasted.
    room.do('line=$(cloudhand invite --at http://127.0.0.1:8650); eval "$line -s -- --name web-1"')
    online(room, "web-1")


def _rules(text: str) -> Happens:
    return does(f"printf '%s' '{text}' >/etc/cloudhand/agent.toml")


_IN_TURNS = "cloudhand reboot --tag role=db --at-a-time 1"
_CHECKED = f"{_IN_TURNS} --check 'systemctl is-active postgresql'"
_AT_NIGHT = f"{_IN_TURNS} --window 'Sat,Sun 02:00-06:00' --zone Europe/Berlin"


def _databases(room: Room) -> None:
    _half_past_nine(room)
    program(room, "apt-get", "[ ! -e /root/broken ] || sleep 3")
    program(room, "systemctl", "[ ! -e /root/broken ] || exit 3")
    serve(room)
    instances(room, "db-1", "db-2", "db-3", tag="role=db")
    room.do("cloudhand run --on db-2 -- 'touch /root/broken'")


def _night(room: Room) -> None:
    instances(room, "hand-01", "hand-02", tag="room=3")


def _two_databases(room: Room) -> None:
    third = room.do("cloudhand instances | grep db-3").split()[0]
    room.do(f"cloudhand call DeleteInstances Force=true InstanceId.1={third}")
    room.do("cloudhand fault make slow-boot 10 --on db-1")  # while the other one waits


def _with_tls(room: Room) -> None:
    serve(room, "--tls --name control.example")
    room.do("cp ~/cloudhand/tls/ca.pem ca.pem")


def _ann_is_let_in(room: Room) -> None:
    told = room.do("cloudhand account add ann --policy ReadOnlyAccess")
    room.write("secret", told.splitlines()[-1].partition("=")[2])


def _another(room: Room) -> None:
    room.stay("other", "cloudhand serve --state ~/other --listen 127.0.0.1:8651", "access key")


def _ssh(room: Room) -> None:
    """Four machines: nobody listens on the third, and the last has no Python."""
    names = {"10.0.0.11": "web01", "10.0.0.12": "web02", "10.0.0.13": "web03", "10.0.0.14": "db01"}
    for address, name in names.items():
        room.do(f"ip address add {address}/32 dev lo; echo {address} {name} >>/etc/hosts")
    machines = room.neighbours
    config = f"IdentityFile {machines.key}\nUserKnownHostsFile {machines.folder}/known\n"
    room.write("/etc/ssh/ssh_config.d/page.conf", config)
    (machines.folder / "known").write_text(f"* {(machines.folder / 'host.pub').read_text()}")
    machines.start("10.0.0.11", "web01")
    machines.start("10.0.0.12", "web02")
    machines.start("10.0.0.14", "db01", before=NO_PYTHON)
    machines.listening()
    _serve_all(room)
    room.write(
        "hosts.ini",
        "[web]\nweb[01:03]\n\n[db]\ndb01 ansible_user=root\n\n[prod:children]\nweb\ndb\n",
    )


def _third_listens(room: Room) -> None:
    room.neighbours.start("10.0.0.13", "web03")
    room.neighbours.listening()


def _source(room: Room) -> None:
    room.do(f"echo {ROOT} >~/.where")


def _arrived(room: Room) -> None:
    room.do(f"cp {ROOT}/dist/cloudhand-*.tar.gz ~; pwd >~/.where")
    # Nothing of Cloudhand is on the way there yet.
    base = Path(sys.base_prefix) / "bin/python3"
    room.do(f"ln -sf {base} /usr/local/bin/; echo 'PATH=/usr/local/bin:/usr/bin:/bin' >>~/.before")


def _waiting(room: Room) -> None:
    serve(room)
    instances(room, "web-1")
    room.do("cloudhand run --on web-1 -- 'exit 3' || true")
    room.write("it.yml", _LOOKS)


_LOOKS = """
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: look
    Action: ACS::ExecuteAPI
    Properties: {Service: ECS, API: DescribeRegions}
"""


def _asks_ann(room: Room) -> None:
    """And the word of who finished a command is in its result."""
    invoke_id = re.findall(r"\bt-\w{8,}", room.said)[-1]
    told = room.do(f"cloudhand result {invoke_id} || true")
    assert "said so: its disk is broken" in told, told
    room.write("ask.yml", _ASKS)
    room.do("cloudhand call StartExecution TemplateContent=@ask.yml")


_ASKS = """
FormatVersion: OOS-2019-06-01
Tasks:
  - Name: ask
    Action: ACS::Approve
    Properties: {Approvers: [ann]}
"""


def _runs_on(room: Room) -> None:
    room.do(
        "cloudhand call RunCommand Type=RunShellScript CommandContent='sleep 1000'"
        f" InstanceId.1={only(room)}"
    )


STAGES = {
    "adopt-a-fleet": Stage(
        missing=adoptable.missing,
        opens=_ssh,
        before={"cloudhand adopt --inventory hosts.ini (again)": _third_listens},
        ends={
            "cloudhand adopt --inventory hosts.ini": 1,
            "cloudhand adopt --inventory hosts.ini (again)": 1,
        },
    ),
    "install-without-network": Stage(
        online=True,
        opens=_source,
        before={"tar xzf cloudhand-0.1.0-bundle-*.tar.gz": _arrived},
    ),
    "find-why-a-run-waits": Stage(
        opens=_waiting,
        before={
            "cloudhand template show": does("cloudhand template run it.yml"),
            "cloudhand stop-run t-...": _runs_on,
            "cloudhand run --rerun-failed t-...": does(
                "cloudhand run --on web-1 -- 'exit 3' || true"
            ),
            "cloudhand finish t-... --on web-1 --as Failed --why 'its disk is broken'": _runs_on,
            "cloudhand finish exec-... --as Cancelled"
            " --why 'nobody will approve it any more'": _asks_ann,
        },
        ends={
            "cloudhand result t-...": 1,
            "cloudhand result t-... --follow": 1,
            "cloudhand run --rerun-failed t-...": 1,
        },
    ),
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
            "cloudhand reboot web-01": _is_who_was_let_in,
            "cloudhand account add visitor --role --trust trust.json --policy ReadOnlyAccess": (
                _is_who_was_let_in
            ),
            "cloudhand account key ann": _is_owner,
            "cloudhand account key ann --disable LTAI...": _first_key,
            "cloudhand account key ann --delete LTAI...": _first_key,
            "cloudhand account add restarter --role --policy AliyunECSReadOnlyAccess": _of_test,
        },
        ends={"cloudhand reboot web-01": 3},
    ),
    "join-a-machine": Stage(
        missing=published.missing,
        opens=_reachable,
        before={
            "curl ... | sudo sh": _deregistered,
            "cloudhand call DeregisterManagedInstance InstanceId=mi-..."
            " --state ~/cloudhand": _became_another,
            "curl ... | sudo --preserve-env=CLOUDHAND_PROXY sh": _behind_a_proxy,
            f"{_PASTED} (again)": _without_python,
            "mkdir -p ~/cloudhand/agents": _published_agent_is_had,
            "cloudhand call CreateActivation InstanceCount=10 TimeToLiveInHours=4"
            " --state ~/cloudhand": _with_python,
            f"{_REGISTER} --ca ca.pem \\\n    {_ACTIVATION} --name rack-7 --tag room=3": _activated,
            f"{_REGISTER} {_ACTIVATION} \\\n"
            "    --ca ca.pem --machine-id rack-7 --force-reuse": _agent_has_ended,
            "cloudhand instances --state ~/cloudhand (again)": _back,
            f"{_REGISTER} {_ACTIVATION} \\\n    --ca ca.pem --force": _ended_again,
        },
        interrupted={"cloudhand run --wait-online 12h --tag room=3 -- ./update": "Waiting for"},
        ends={
            f"{_PASTED} (again)": 1,
            "cloudhand run --wait-online 12h --tag room=3 -- ./update": 130,
        },
        answers={"[s/L] ": "echo l"},
        fills={"ID": "$(cat ~/id)", "CODE": "$(cat ~/code)", "curl ...": "sh ~/line"},
    ),
    "let-a-machine-refuse": Stage(
        opens=_refusing,
        before={
            "cloudhand reboot web-1": _rules("power = false\n"),
            "cloudhand run --on web-1 -- hostname": _rules("files = false\nsesions = false\n"),
        },
        ends={
            "cloudhand run --on web-1 -- uptime": 1,
            "cloudhand reboot web-1": 1,
            "cloudhand run --on web-1 -- hostname": 1,
        },
    ),
    "restart-machines-safely": Stage(
        opens=_databases,
        before={
            "cloudhand run --tag role=db --yes -- 'apt-get -y upgrade && exit 194' 2>&1"
            " | tee upgrade.log": _two_databases,
            "base_url=$(cloudhand governor fleetlock db)": does("cloudhand fault clear"),
            "cloudhand reboot hand-01 hand-02": _night,
        },
        ends={_CHECKED: 1, _AT_NIGHT: 130},
        interrupted={_AT_NIGHT: "1 at a time, from"},
        answers={"[c/L] ": "echo c"},
    ),
    "run-on-a-schedule": Stage(
        opens=_scheduled,
        ends={"cloudhand result t-...": 1},  # it goes on
    ),
    "run-your-program-unchanged": Stage(
        opens=_program, before={"cloudhand exec -- python your_program.py": serve}
    ),
    "test-with-pytest": Stage(),
    "upgrade-agents": Stage(
        missing=adoptable.missing,
        opens=_two_machines,
        before={"cloudhand agent upgrade --tag room=3 --state ~/cloudhand": _bad_release},
        ends={"cloudhand agent upgrade --tag room=3 --state ~/cloudhand": 1},
    ),
    "use-the-aliyun-command": Stage(
        opens=_with_tls,
        answers={"(it is not shown): ": "cat ~/secret"},
        before={
            "cloudhand configure --endpoint https://control.example:8650 --ca ca.pem"
            " --access-key-id LTAI...": _ann_is_let_in,
            "cloudhand configure --profile-name test --endpoint http://127.0.0.1:8651": _another,
        },
        closes=does("""! grep '"name": "cloudhand"' ~/.aliyun/config.json"""),
    ),
    "write-and-rehearse-a-template": Stage(
        before={
            "cloudhand template validate it.yml": _written_with_mistakes,
            "cloudhand template graph it.yml --svg it.svg": does("mv right.yml it.yml"),
            "cloudhand template run it.yml --tag env=prod --param script='systemctl restart web'": (
                _fleet_of_production
            ),
        },
        ends={
            "cloudhand template validate it.yml": 1,
            "cloudhand template simulate it.yml --fleet 10000 --fail 1% --fail-boot 0.5%"
            " --takes 30s..2M --seed 7": 1,
        },
    ),
}
