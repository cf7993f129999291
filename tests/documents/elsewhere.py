"""Commands of the pages that do not run here: why, and which test runs them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    why: str
    test: str  # as pytest names it


# By page, and by what is typed.
_NO_ALIYUN = "the aliyun command is not to be had here; requests as it forms them are replayed"
ELSEWHERE: dict[str, dict[str, Elsewhere]] = {
    "use-the-aliyun-command": {
        "cloudhand exec -- aliyun ecs DescribeInstances": Elsewhere(
            why=_NO_ALIYUN, test="tests/compat/test_replays.py::test_a_request_of_another_client_is_answered"
        ),
        "SSL_CERT_FILE=~/cloudhand/tls/ca.pem aliyun --profile cloudhand --endpoint 127.0.0.1:8650"
        " ecs DescribeInstances": Elsewhere(why=_NO_ALIYUN, test="tests/compat/test_replays.py::test_a_request_of_another_client_is_answered"),
    },
}
