"""How a refusal reads on the wire: its code, its HTTP status, its message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WireError:
    code: str
    status: int
    message: str


class Refused(Exception):
    """The request is refused; the first error is the answer's code, the others are told with it.

    ``because`` is a phrase that names what it is about.
    """

    def __init__(self, *errors: WireError, because: str = "", retry_after: int = 0) -> None:
        """``retry_after``: ms, of too many requests alone; 0: it is not said."""
        super().__init__(", ".join(error.code for error in errors))
        self.errors = errors
        self.retry_after = retry_after
        self._because = because

    @property
    def message(self) -> str:
        return self._told(self._because)

    @property
    def bare(self) -> str:
        """The message without what it is about, which may repeat what was given."""
        return self._told("")

    def _told(self, because: str) -> str:
        first, *others = self.errors
        what = first.message
        if because:
            what = f"{what.removesuffix('.')} ({because})."
        return what + "".join(f" Also {error.code}: {error.message}" for error in others)


def missing(name: str) -> WireError:
    return WireError(
        code=f"MissingParameter.{name}",
        status=400,
        message=f"The parameter {name} is mandatory for this action and was not given or is empty.",
    )


def invalid(name: str, why: str = "is not valid") -> WireError:
    return WireError(
        code=f"InvalidParameter.{name}", status=400, message=f"The parameter {name} {why}."
    )


def unsupported(name: str, why: str) -> WireError:
    """An option of the real service that is not carried out here, so that it is not ignored."""
    return WireError(
        code="UnsupportedOperation", status=400, message=f"{name} is not supported here: {why}."
    )
