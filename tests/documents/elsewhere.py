"""Commands of the pages that do not run here: why, and which test runs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    why: str
    test: str  # as pytest names it


# By page, and by what is typed.
_ALIYUN = Elsewhere(
    why="the aliyun command is not to be had here; requests as it forms them are replayed",
    test="tests/compat/test_replays.py::test_a_request_of_another_client_is_answered",
)
ELSEWHERE: dict[str, dict[str, Elsewhere]] = {
    "adopt-a-fleet": {
        "ansible-inventory -i FILE --list --yaml > hosts.yml": Elsewhere(
            why="Ansible is not to be had here; what it writes is read",
            test="tests/unit/cli/test_inventory.py::test_both_manners_say_the_same",
        )
    },
    "join-a-machine": {
        "cloudhand server install --state /var/lib/cloudhand -- --listen 0.0.0.0:8650 --tls"
        " --name control.example": Elsewhere(
            why="it wants a machine with its own systemd",
            test="tests/guest/test_server.py"
            "::test_it_runs_from_now_on_and_after_every_start_until_it_is_removed",
        )
    },
    "use-the-aliyun-command": {
        "cloudhand exec -- aliyun ecs DescribeInstances": _ALIYUN,
        "SSL_CERT_FILE=~/cloudhand/tls/ca.pem aliyun --profile cloudhand --endpoint 127.0.0.1:8650"
        " ecs DescribeInstances": _ALIYUN,
    },
}
