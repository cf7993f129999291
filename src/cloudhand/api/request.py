"""One request as it came, and the parts of it that decide how it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from cloudhand.api.refusal import Refused, WireError
from cloudhand.api.render import Format

_FORM = "application/x-www-form-urlencoded"

BAD_FORMAT = WireError(
    code="InvalidParameter.Format",
    status=400,
    message="The parameter Format must be JSON or XML.",
)
TOO_MANY_PARAMETERS = WireError(
    code="InvalidParameter", status=400, message="The request has too many parameters."
)
_PARAMETER_LIMIT = 5000


@dataclass(frozen=True, kw_only=True)
class RawRequest:
    method: str
    query: bytes
    headers: Mapping[str, str]  # by lower-case name, values as received
    body: bytes = b""
    source_ip: str = ""  # of the caller; empty where it is not known
    secure: bool = False  # whether it came over TLS

    @property
    def host(self) -> str:
        """Our address as the caller spells it; some callers put a scheme before it."""
        return self.headers.get("host", "").rpartition("://")[2].partition("/")[0]


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    status: int
    content_type: str
    request_id: str
    body: bytes
    close: bool = False  # and hang up
    retry_after: int = 0  # ms, where too many requests came; 0: it is not said


Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The decoded parameters: those of the query, those of the form, and both by name."""

    query: Pairs
    form: Pairs
    flat: Mapping[str, str]


def read(request: RawRequest) -> Asked:
    query = _pairs(request.query)
    is_form = request.headers.get("content-type", "").lower().startswith(_FORM)
    form = _pairs(request.body) if is_form else []
    return Asked(query=query, form=form, flat=dict([*form, *query]))


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    if not encoded:
        return []
    try:
        return parse_qsl(
            encoded.decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=_PARAMETER_LIMIT,
        )
    except ValueError:
        raise Refused(TOO_MANY_PARAMETERS) from None


def wanted_format(request: RawRequest, flat: Mapping[str, str]) -> Format:
    """JSON unless XML is asked for by name; the published default is of no use to any client."""
    name = flat.get("Format", "").upper()
    if name:
        try:
            return Format(name)
        except ValueError:
            raise Refused(BAD_FORMAT) from None
    accept = request.headers.get("accept", "").lower()
    # A browser takes XML besides much else; a client that means XML asks for nothing but that.
    only_xml = accept.startswith(("application/xml", "text/xml")) and "json" not in accept
    return Format.XML if only_xml else Format.JSON
