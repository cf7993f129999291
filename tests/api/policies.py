"""Policies, as tests give them."""

from __future__ import annotations

import json
from typing import Any

from tests.api.cloud import KEY

ACCOUNT = KEY.account_id


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": statements})


def document(*actions: str, resource: str = "*") -> str:
    """A policy that allows these."""
    return policy(allow(list(actions), resource))


def trust(*principals: str, **more: Any) -> str:
    """That of a role; a principal is ``user/ann`` or ``root`` of the account, or in full."""
    named = [one if ":" in one else f"acs:ram::{ACCOUNT}:{one}" for one in principals]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": named}}
    return policy({**statement, **more})
