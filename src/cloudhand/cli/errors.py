"""What the commands say when they cannot do what was asked: one sentence, and an exit code."""

from __future__ import annotations


class ClientError(Exception):
    """One sentence that names the thing and the next step."""

    exit_code = 3  # the control plane refused, or could not be reached


class Mistake(ClientError):
    """What was asked for cannot be meant."""

    exit_code = 2


class Unreachable(ClientError):
    """Nothing answers, which may pass."""

    def __init__(self, url: str, why: str, hint: str = "is it running?") -> None:
        super().__init__(f"cannot reach the control plane at {url}: {why}; {hint}")
        self.why = why


class ApiError(ClientError):
    """The control plane refused a request."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message.removesuffix('.')}")
        self.code = code
        self.status = status
