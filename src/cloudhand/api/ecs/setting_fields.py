"""Settings as JSON objects in parameters, and what is wrong with them in the cloud's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import msgspec

from cloudhand.api.bind import Flat, custom, wire_name
from cloudhand.api.refusal import Refused, WireError, invalid
from cloudhand.core.assistant_settings import PURPOSES, Setting
from cloudhand.core.errors import SettingProblem

BAD_TYPE = invalid("SettingType", f"must be one of {', '.join(PURPOSES)}")

_PROBLEMS: Mapping[str, WireError] = {
    "AllowedUpgradeWindow": invalid("AllowedUpgradeWindow", "has windows like 02:00-03:00 alone"),
    "TooManyWindows": WireError(
        code="InvalidAllowedUpgradeWindow.CountLimitExceeded",
        status=403,
        message="AllowedUpgradeWindow has more than 5 windows.",
    ),
    "WindowTooShort": WireError(
        code="InvalidAllowedUpgradeWindow.DurationTooShort",
        status=400,
        message="A window of AllowedUpgradeWindow is shorter than an hour.",
    ),
    "NoWindow": WireError(
        code="InvalidAllowedUpgradeWindow.Required",
        status=400,
        message="Upgrades at certain times ask for AllowedUpgradeWindow.",
    ),
    "TimeZone": invalid("TimeZone", "is neither a name like Asia/Shanghai nor GMT+8:00"),
    "CpuLimit": invalid("CpuLimit", "must be from 10 to 95"),
    "MemoryLimit": invalid("MemoryLimit", "must be from 35MB to 1024MB, in B, KB or MB"),
    "OverloadLimit": invalid("OverloadLimit", "must be 3 or more"),
    "LogFileCountLimit": invalid("LogFileCountLimit", "must be from 7 to 365"),
    "LogSizeLimit": invalid("LogSizeLimit", "must be from 10MB to 1024MB, in B, KB or MB"),
    "OssBucketName": invalid("OssBucketName", "is missing or no name of a bucket"),
    "OssPrefix": invalid("OssPrefix", "has more than 254 characters, or a slash at its beginning"),
    "OssEncryptionType": invalid("OssEncryptionType", "must be Inherit, OssManaged or KMS"),
    "OssEncryptionAlgorithm": invalid("OssEncryptionAlgorithm", "must be AES256 or SM4"),
    "OssEncryptionKeyId": invalid("OssEncryptionKeyId", "belongs to the encryption KMS"),
    "NoBucket": WireError(
        code="InvalidOssBucketName.NotFound",
        status=404,
        message="The specified bucket does not exist: there is no object storage here.",
    ),
    "SlsProjectName": invalid("SlsProjectName", "is missing or no name of a project"),
    "SlsLogstoreName": invalid("SlsLogstoreName", "is missing or no name of a Logstore"),
    "NoProject": WireError(
        code="InvalidSlsProjectName.NotFound",
        status=404,
        message="The specified project does not exist: there is no log service here.",
    ),
}
PROBLEMS = tuple(_PROBLEMS.values())


def of_setting(refusal: SettingProblem) -> WireError:
    return _PROBLEMS[refusal.problem]


def setting(kind: type[Setting], *, note: str) -> Any:
    """Values of a setting by the names of its fields; None: not given."""

    def read(flat: Flat, wire: str) -> Mapping[str, Any] | None:
        text = flat.get(wire, "")
        if not text:
            return None
        try:
            given = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            raise Refused(invalid(wire, "is no JSON")) from None
        if not isinstance(given, dict):
            raise Refused(invalid(wire, "is no JSON object"))
        return _read(kind, wire, given)

    return custom(read, kind="JSON", names=(kind.__name__,), note=note, default=None)


def _read(kind: type[Setting], wire: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    names = {wire_name(field.name): field.name for field in fields(kind)}
    unknown = [name for name in given if name not in names]
    if unknown:
        raise Refused(invalid(wire, f"has no {', '.join(unknown)}"))
    values = {names[name]: value for name, value in given.items() if value is not None}
    try:
        typed = msgspec.convert({**asdict(kind()), **values}, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(invalid(wire, f"is not as declared: {error}")) from None
    return {name: getattr(typed, name) for name in values}
