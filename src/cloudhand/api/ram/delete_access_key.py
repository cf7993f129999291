"""DeleteAccessKey: delete an access key; requests that it signs are refused from then on."""

from __future__ import annotations

from dataclasses import dataclass

from cloudhand.api.operation import Call, operation
from cloudhand.api.ram import errors, fields
from cloudhand.api.ram.keys import missing, whose
from cloudhand.api.ram.product import RAM
from cloudhand.api.ram.shapes import Done
from cloudhand.core.errors import LastKey, ResourceNotFound


@dataclass(frozen=True, kw_only=True)
class Params:
    user_name: str = fields.user(required=False, note="whoever asks, unless given")
    user_access_key_id: str = fields.key()


@operation(
    RAM,
    access="write",
    errors={ResourceNotFound: missing, LastKey: errors.LAST_KEY},
    refuses=(errors.NO_SUCH_KEY, errors.NO_SUCH_USER, errors.NO_OWN_KEYS),
)
async def delete_access_key(call: Call, params: Params) -> Done:
    await call.control.accounts.remove(whose(call, params.user_name), params.user_access_key_id)
    return Done()
