"""UpdateAccessKey: switch an access key on or off."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.bind import one_of, text
from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.keys import missing, whose
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.api.refusal import invalid
from cloudhand.core.errors import LastKey, ResourceNotFound

_BAD_STATUS = invalid("Status", "must be Active or Inactive")


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user(required=False, note="whoever asks, unless given")
    user_access_key_id: str = fields.key()
    status: str = text("Status", one_of(("Active", "Inactive"), _BAD_STATUS), required=True)


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: missing, LastKey: errors.LAST_KEY},
    refuses=(errors.NO_SUCH_KEY, errors.NO_SUCH_USER, errors.NO_OWN_KEYS),
)
async def update_access_key(call: Call, params: Params) -> Done:
    who = whose(call, params.user_name)
    active = params.status == "Active"
    await call.control.accounts.activate(who, params.user_access_key_id, active=active)
    return Done()
