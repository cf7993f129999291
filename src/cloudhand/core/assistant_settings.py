"""Settings of an account for its agents, their sessions and results: what each may hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, assert_never

from cloudhand.core.errors import SettingProblem
from cloudhand.wire import schedule

_MB = 1024 * 1024
_WINDOW_LIMIT = 5
_SHORTEST_WINDOW = 60  # minutes
_DAY = 24 * 60  # minutes
_PREFIX_LIMIT = 254  # characters

_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_SIZE = re.compile(r"(\d{1,10})(B|KB|MB)", re.ASCII)
_UNITS = {"B": 1, "KB": 1024, "MB": _MB}
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
_LOGSTORE = re.compile(r"[a-z0-9][a-z0-9_-]{0,61}[a-z0-9]", re.ASCII)
_PADDED_ZONE = re.compile(r"GMT[+-]0\d.*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class AgentUpgradeConfig:
    enabled: bool = False  # else agents look for updates every 30 minutes
    allowed_upgrade_window: tuple[str, ...] = ()  # of each day, as 02:00-03:00
    time_zone: str = "UTC"
    bootstrap_upgrade: bool = True
    disable_upgrade: bool = False


@dataclass(frozen=True, kw_only=True)
class SessionManagerConfig:
    session_manager_enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class ResourceUsageConfig:
    cpu_limit: int = 20  # per cent
    memory_limit: str = "50MB"
    overload_limit: int = 3  # times in a row; then the agent ends
    log_file_count_limit: int = 30
    log_size_limit: str = "100MB"
    keep_script_file: bool = False


@dataclass(frozen=True, kw_only=True)
class OssDeliveryConfig:
    enabled: bool = False
    bucket_name: str = ""
    prefix: str = ""
    encryption_type: str = "Inherit"
    encryption_algorithm: str = ""
    encryption_key_id: str = ""


@dataclass(frozen=True, kw_only=True)
class SlsDeliveryConfig:
    enabled: bool = False
    project_name: str = ""
    logstore_name: str = ""


Setting = (
    AgentUpgradeConfig
    | SessionManagerConfig
    | ResourceUsageConfig
    | OssDeliveryConfig
    | SlsDeliveryConfig
)
Kind = TypeVar("Kind", bound=Setting)

# What the settings of each purpose are made of.
PURPOSES: Mapping[str, tuple[type[Setting], ...]] = {
    "SessionManagerDelivery": (OssDeliveryConfig, SlsDeliveryConfig),
    "InvocationDelivery": (OssDeliveryConfig, SlsDeliveryConfig),
    "AgentUpgradeConfig": (AgentUpgradeConfig,),
    "SessionManagerConfig": (SessionManagerConfig,),
    "ResourceUsageConfig": (ResourceUsageConfig,),
}


def unset(kind: type[Kind]) -> Kind:
    """What holds of a setting for as long as nobody has set it."""
    setting = kind()
    if isinstance(setting, AgentUpgradeConfig):
        # Compat: documented is that agents upgrade themselves without having been told to.
        return replace(setting, disable_upgrade=True)
    return setting


def check(setting: Setting) -> None:
    """SettingProblem for the first thing that cannot be."""
    match setting:
        case AgentUpgradeConfig():
            _check_upgrade(setting)
        case SessionManagerConfig():
            pass
        case ResourceUsageConfig():
            _check_usage(setting)
        case OssDeliveryConfig():
            _check_oss(setting)
        case SlsDeliveryConfig():
            _check_sls(setting)
        case _:
            assert_never(setting)


def _check_upgrade(setting: AgentUpgradeConfig) -> None:
    _refuse(len(setting.allowed_upgrade_window) > _WINDOW_LIMIT, "TooManyWindows")
    for text in setting.allowed_upgrade_window:
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise SettingProblem("AllowedUpgradeWindow")
        first, last = (int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3))
        _refuse((last - first) % _DAY < _SHORTEST_WINDOW, "WindowTooShort")
    try:
        schedule.zone(setting.time_zone)
    except ValueError:
        raise SettingProblem("TimeZone") from None
    _refuse(_PADDED_ZONE.fullmatch(setting.time_zone) is not None, "TimeZone")
    bound = setting.enabled and not setting.disable_upgrade
    _refuse(bound and not setting.allowed_upgrade_window, "NoWindow")


def _check_usage(setting: ResourceUsageConfig) -> None:
    _refuse(not 10 <= setting.cpu_limit <= 95, "CpuLimit")
    _refuse(not 35 * _MB <= _size(setting.memory_limit) <= 1024 * _MB, "MemoryLimit")
    _refuse(setting.overload_limit < 3, "OverloadLimit")
    _refuse(not 7 <= setting.log_file_count_limit <= 365, "LogFileCountLimit")
    _refuse(not 10 * _MB <= _size(setting.log_size_limit) <= 1024 * _MB, "LogSizeLimit")


def _check_oss(setting: OssDeliveryConfig) -> None:
    known = _BUCKET.fullmatch(setting.bucket_name) is not None
    _refuse(not known if setting.bucket_name else setting.enabled, "OssBucketName")
    prefix = setting.prefix
    _refuse(len(prefix) > _PREFIX_LIMIT or prefix.startswith(("/", "\\")), "OssPrefix")
    _refuse(setting.encryption_type not in ("Inherit", "OssManaged", "KMS"), "OssEncryptionType")
    _refuse(setting.encryption_algorithm not in ("", "AES256", "SM4"), "OssEncryptionAlgorithm")
    keyed = bool(setting.encryption_key_id)
    _refuse(keyed and setting.encryption_type != "KMS", "OssEncryptionKeyId")
    _refuse(setting.enabled, "NoBucket")  # none is here


def _check_sls(setting: SlsDeliveryConfig) -> None:
    for name, form, problem in (
        (setting.project_name, _BUCKET, "SlsProjectName"),
        (setting.logstore_name, _LOGSTORE, "SlsLogstoreName"),
    ):
        _refuse(form.fullmatch(name) is None if name else setting.enabled, problem)
    _refuse(setting.enabled, "NoProject")  # none is here


def _refuse(wrong: bool, problem: str) -> None:
    if wrong:
        raise SettingProblem(problem)


def _size(text: str) -> int:
    """Bytes; -1 of what is no size."""
    match = _SIZE.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else -1
