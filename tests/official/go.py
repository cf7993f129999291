"""What the published agent makes of an answer: names in any case, types as they must be."""

from __future__ import annotations

import json
from typing import Any

TEXTS = {"*": str}  # any names, with texts

_TASK = {
    "taskID": str,
    "invokeVersion": int,
    "type": str,
    "commandContent": str,
    "timeOut": str,
    "commandId": str,
    "commandName": str,
    "workingDirectory": str,
    "username": str,
    "windowsPasswordName": str,
    "enableParameter": bool,
    "builtInParameter": TEXTS,
    "cron": str,
    "creationTime": int,
    "containerId": str,
    "containerName": str,
    "terminationMode": str,
}
_OUTPUT = {"interval": int, "logQuota": int, "skipEmpty": bool, "sendStart": bool}
_ITEM = {"task": _TASK, "output": _OUTPUT, "repeat": str}
_FILE = {
    "taskID": str,
    "name": str,
    "destination": str,
    "content": str,
    "signature": str,
    "mode": str,
    "owner": str,
    "group": str,
    "overwrite": bool,
    "timeout": int,
}
_SESSION = {
    "channelId": str,
    "cmdContent": str,
    "username": str,
    "windowsPasswordName": str,
    "websocketUrl": str,
    "targetHost": str,
    "portNumber": str,
    "flowLimit": int,
}
SESSIONS = {"code": int, "session": [_SESSION]}
WORK = {
    "code": int,
    "instanceId": str,
    "run": [_ITEM],
    "stop": [_ITEM],
    "test": [_ITEM],
    "file": [{"task": _FILE}],
    "session": [_SESSION],
}


class Unusable(Exception):
    """One wrong type makes the whole of a document so."""


def read(text: bytes, shape: dict[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _fit(json.loads(text), shape)
    except ValueError as error:
        raise Unusable(str(error)) from error
    return found


def _fit(value: Any, shape: Any) -> Any:
    if isinstance(shape, list):
        return [_fit(one, shape[0]) for one in _of(value, list)]
    if shape is TEXTS:
        return {name: _fit(one, str) for name, one in _of(value, dict).items()}
    if isinstance(shape, dict):
        given = {name.lower(): one for name, one in _of(value, dict).items()}
        return {name: _fit(given.get(name.lower()), part) for name, part in shape.items()}
    return _of(value, shape)


def _of(value: Any, kind: Any) -> Any:
    """null is the zero value of a type; a bool is no number, and a float no whole one."""
    if value is None:
        return kind()
    if type(value) is not kind:
        raise Unusable(f"{value!r} is no {kind.__name__}")
    return value
