"""Templates: create them, look at them, and give them new versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.errors import NameTaken, ParametersInvalid, TemplateNotFound
from cloudhand.core.ids import RandomBytes
from cloudhand.core.orders import NewTemplate, Once, TemplateFilter, TemplateText
from cloudhand.core.page import Page, Window
from cloudhand.core.template import StoredTemplate, TemplateVersion
from cloudhand.orchestration import parameters
from cloudhand.orchestration.actions.library import Library, Text, hashed
from cloudhand.orchestration.checking import checked
from cloudhand.orchestration.evaluation import Scope
from cloudhand.orchestration.expression import stored_reference
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.parameters import Declared
from cloudhand.orchestration.programs import Programs
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

PUBLISHED_AT = datetime(2026, 1, 1, tzinfo=UTC)
_PUBLISHER = "ACS"


class Templates:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        library: Library,
        programs: Programs,
    ) -> None:
        self._database = database
        self._clock = clock
        self._random = random
        self._library = library
        self._programs = programs
        # What comes with Cloudhand, by name, once somebody has looked at it.
        self._built_in: dict[str, tuple[StoredTemplate, Template]] = {}

    async def check(self, content: str) -> Template:
        """TemplateInvalid, with all that is wrong, the selectors among it."""
        return await checked(content, self._library, self._programs)

    async def create(self, order: NewTemplate) -> StoredTemplate:
        """TemplateInvalid; NameTaken."""
        template = await self.check(order.content)
        now = self._clock.now()
        made = StoredTemplate(
            id=ids.template_id(self._random),
            name=order.name,
            created_at=now,
            created_by=order.by,
            updated_at=now,
            updated_by=order.by,
            latest=_version(order, template, 1, now),
            resource_group_id=order.resource_group_id or "",
            tags=order.tags or {},
        )

        async def work(tx: Transaction) -> StoredTemplate:
            earlier = await tx.tokens.earlier(order.once, StoredTemplate)
            if earlier is not None:
                return earlier
            await tx.templates.keep_text(made.latest.hash, order.content)
            if not await tx.templates.add(made):
                raise NameTaken(order.name)
            await tx.tokens.remember(order.once, made, at=now)
            return made

        return await self._database.write(work)

    async def update(self, order: NewTemplate) -> StoredTemplate:
        """Add a version. TemplateInvalid; TemplateNotFound."""
        template = await self.check(order.content)
        now = self._clock.now()

        async def work(tx: Transaction) -> StoredTemplate:
            earlier = await tx.tokens.earlier(order.once, StoredTemplate)
            if earlier is not None:
                return earlier
            before = await tx.templates.get(order.name)
            if before is None:
                raise TemplateNotFound(order.name)
            group, tags = order.resource_group_id, order.tags
            after = replace(
                before,
                updated_at=now,
                updated_by=order.by,
                latest=_version(order, template, before.latest.number + 1, now),
                resource_group_id=before.resource_group_id if group is None else group,
                tags=before.tags if tags is None else tags,
            )
            await tx.templates.keep_text(after.latest.hash, order.content)
            await tx.templates.update(after)
            await tx.tokens.remember(order.once, after, at=now)
            return after

        return await self._database.write(work)

    async def get(self, wanted: TemplateText) -> tuple[StoredTemplate, str]:
        """A stored or public template, with its text; TemplateNotFound."""
        key = wanted.name.lower()
        public = self._library.public.get(key) or self._library.actions.get(key)
        if public is not None and number(wanted.version) in (None, 1):
            return self._published(public), public.text

        async def work(tx: Transaction) -> tuple[StoredTemplate, str] | None:
            found = await tx.templates.get(wanted.name, number(wanted.version))
            text = await tx.templates.text(found.latest.hash) if found else None
            return None if found is None or text is None else (found, text)

        found = await self._database.read(work)
        if found is None:
            raise TemplateNotFound(wanted.name, wanted.version)
        return found

    async def meant(self, wanted: TemplateText) -> tuple[StoredTemplate | None, str]:
        """What ``get`` finds, or a text that was given instead of a name."""
        return (None, wanted.content) if wanted.content else await self.get(wanted)

    async def declared(self, wanted: TemplateText, given: Mapping[str, Any]) -> list[Declared]:
        """What is declared. ParametersInvalid for values that do not fit; any may be left out."""
        _, text = await self.meant(wanted)
        declared = (await self.check(text)).parameters
        values = {
            name: value
            for name, value in given.items()
            # What is in the parameter store is known when an execution starts.
            if value is not None and stored_reference(value) is None
        }
        known = {name.lower() for name in values}
        _, problems = await parameters.resolve(
            {name: one for name, one in declared.items() if name in known},
            values,
            scope=Scope(),
            programs=self._programs,
        )
        if problems:
            raise ParametersInvalid(problems)
        return list(declared.values())

    async def find(self, wanted: TemplateFilter, window: Window) -> Page[StoredTemplate]:
        """Of the stored ones and the public ones."""
        public = [self._published(text) for text in self._library.public.values()]

        async def work(tx: Transaction) -> Page[StoredTemplate]:
            return await tx.templates.find(wanted, window, public=public)

        return await self._database.read(work)

    def product_actions(self) -> list[tuple[StoredTemplate, Template]]:
        return [self._known(text) for text in self._library.actions.values()]

    def _published(self, text: Text) -> StoredTemplate:
        return self._known(text)[0]

    def _known(self, text: Text) -> tuple[StoredTemplate, Template]:
        if text.name not in self._built_in:
            template = self._library.parse(text.text)
            self._built_in[text.name] = (_published(text, template), template)
        return self._built_in[text.name]

    async def versions(
        self, name: str, window: Window, *, public: bool | None = None
    ) -> Page[TemplateVersion]:
        """The newest first; TemplateNotFound, also where it is not of the kind that is wanted."""
        published = self._library.public.get(name.lower())
        if public not in (None, published is not None):
            raise TemplateNotFound(name)
        if published is not None:
            return Page(items=[self._published(published).latest], total=1)

        async def work(tx: Transaction) -> Page[TemplateVersion]:
            if await tx.templates.get(name) is None:
                raise TemplateNotFound(name)
            return await tx.templates.versions(name, window)

        return await self._database.read(work)

    async def delete(
        self, names: Sequence[str], *, with_executions: bool, once: Once | None = None
    ) -> None:
        """All of them or none: TemplateNotFound. What runs goes on."""
        now = self._clock.now()

        async def work(tx: Transaction) -> None:
            if await tx.tokens.earlier(once, bool):
                return
            for name in names:
                if await tx.templates.get(name) is None:
                    raise TemplateNotFound(name)
                if with_executions:
                    await tx.executions.remove_ended_of(name)
                await tx.templates.remove(name)
            await tx.tokens.remember(once, True, at=now)

        await self._database.write(work)


def _published(text: Text, template: Template) -> StoredTemplate:
    return StoredTemplate(
        id=text.id,
        name=text.name,
        created_at=PUBLISHED_AT,
        created_by=_PUBLISHER,
        updated_at=PUBLISHED_AT,
        updated_by=_PUBLISHER,
        latest=TemplateVersion(
            number=1,
            hash=text.hash,
            format=template.format,
            description=template.raw.get("Description", ""),
            trigger_category=template.trigger_category,
            created_at=PUBLISHED_AT,
            created_by=_PUBLISHER,
        ),
        execution_count=-1,
        public=True,
    )


def _version(order: NewTemplate, template: Template, count: int, at: datetime) -> TemplateVersion:
    return TemplateVersion(
        number=count,
        name=order.version_name,
        hash=hashed(order.content),
        format=template.format,
        description=template.raw.get("Description", ""),
        trigger_category=template.trigger_category,
        created_at=at,
        created_by=order.by,
    )


def number(version: str) -> int | None:
    """Of ``v3``; None is the newest. What is no version gets a number that none has."""
    digits = version.removeprefix("v")
    if not version or version.lower() in ("latest", "$latest"):
        return None
    return int(digits) if digits.isdigit() and len(digits) < 9 else 0
