"""A stored template and its versions. What its text means is the language's to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cloudhand.core.ids import TemplateId


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    number: int  # from 1; v1 on the wire
    name: str = ""  # free
    hash: str  # SHA-256 of the text
    format: str  # JSON, YAML
    description: Any = ""  # text, or texts by language
    trigger_category: str = ""  # TimerTrigger, EventTrigger, AlarmTrigger; empty: it has none
    created_at: datetime
    created_by: str


@dataclass(frozen=True, kw_only=True)
class StoredTemplate:
    id: TemplateId
    name: str  # unique without regard to case
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    latest: TemplateVersion
    execution_count: int = 0
    resource_group_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    public: bool = False  # it came with Cloudhand
