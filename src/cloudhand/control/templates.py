"""Templates: create them, look at them, and give them new versions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cloudhand.core import ids
from cloudhand.core.clock import Clock
from cloudhand.core.errors import NameTaken, Problem, TemplateInvalid, TemplateNotFound
from cloudhand.core.ids import RandomBytes, TemplateId
from cloudhand.core.orders import NewTemplate, TemplateFilter, TemplateText
from cloudhand.core.page import Page, Window
from cloudhand.core.template import StoredTemplate, TemplateVersion
from cloudhand.orchestration.actions.library import Library, Text, hashed
from cloudhand.orchestration.expression import Literal
from cloudhand.orchestration.model import Template
from cloudhand.orchestration.programs import ProgramError, Programs
from cloudhand.orchestration.selectors import program
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_PUBLISHED_AT = datetime(2026, 1, 1, tzinfo=UTC)
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

    async def check(self, content: str) -> Template:
        """TemplateInvalid, with all that is wrong, the selectors among it."""
        template = self._library.parse(content)
        problems = [problem async for problem in self._wrong_selectors(template)]
        if problems:
            raise TemplateInvalid(problems)
        return template

    async def _wrong_selectors(self, template: Template) -> AsyncIterator[Problem]:
        for task in template.tasks:
            for output in task.outputs:
                if not isinstance(output.selector, Literal):
                    continue  # it is known only when it is used
                try:
                    await self._programs.compiles(program(str(output.selector.value)))
                except ProgramError as error:
                    path = f"Tasks[{task.index}].Outputs.{output.name}.ValueSelector"
                    yield Problem(path=path, text=str(error))

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
        public = self._library.public.get(wanted.name.lower()) or self._library.actions.get(
            wanted.name.lower()
        )
        if public is not None and wanted.version in ("", "v1"):
            return self._published(public), public.text

        async def work(tx: Transaction) -> tuple[StoredTemplate, str] | None:
            found = await tx.templates.get(wanted.name, number(wanted.version))
            text = await tx.templates.text(found.latest.hash) if found else None
            return None if found is None or text is None else (found, text)

        found = await self._database.read(work)
        if found is None:
            raise TemplateNotFound(wanted.name, wanted.version)
        return found

    async def find(self, wanted: TemplateFilter, window: Window) -> Page[StoredTemplate]:
        async def work(tx: Transaction) -> Page[StoredTemplate]:
            return await tx.templates.find(wanted, window)

        return await self._database.read(work)

    def public(self) -> list[StoredTemplate]:
        """Those that come with Cloudhand, by their names."""
        return [self._published(text) for _, text in sorted(self._library.public.items())]

    def product_actions(self) -> list[tuple[StoredTemplate, Template]]:
        found = sorted(self._library.actions.items())
        return [(self._published(text), self._library.parse(text.text)) for _, text in found]

    def _published(self, text: Text) -> StoredTemplate:
        template = self._library.parse(text.text)
        return StoredTemplate(
            id=TemplateId(f"t-{text.hash[:20]}"),
            name=text.name,
            created_at=_PUBLISHED_AT,
            created_by=_PUBLISHER,
            updated_at=_PUBLISHED_AT,
            updated_by=_PUBLISHER,
            latest=TemplateVersion(
                number=1,
                hash=text.hash,
                format=template.format,
                description=template.raw.get("Description", ""),
                has_trigger=template.trigger is not None,
                created_at=_PUBLISHED_AT,
                created_by=_PUBLISHER,
            ),
            execution_count=-1,
            public=True,
        )

    async def versions(self, name: str, window: Window) -> Page[TemplateVersion]:
        """The newest first; TemplateNotFound."""
        public = self._library.public.get(name.lower())
        if public is not None:
            return Page(items=[self._published(public).latest], total=1)

        async def work(tx: Transaction) -> Page[TemplateVersion]:
            if await tx.templates.get(name) is None:
                raise TemplateNotFound(name)
            return await tx.templates.versions(name, window)

        return await self._database.read(work)

    async def delete(self, names: Sequence[str], *, with_executions: bool) -> None:
        """All of them or none: TemplateNotFound. What runs goes on."""

        async def work(tx: Transaction) -> None:
            for name in names:
                if await tx.templates.get(name) is None:
                    raise TemplateNotFound(name)
                if with_executions:
                    await tx.executions.remove_ended_of(name)
                await tx.templates.remove(name)

        await self._database.write(work)


def _version(order: NewTemplate, template: Template, count: int, at: datetime) -> TemplateVersion:
    return TemplateVersion(
        number=count,
        name=order.version_name,
        hash=hashed(order.content),
        format=template.format,
        description=template.raw.get("Description", ""),
        has_trigger=template.trigger is not None,
        created_at=at,
        created_by=order.by,
    )


def number(version: str) -> int | None:
    """Of ``v3``; None is the newest. What is no version gets a number that none has."""
    digits = version.removeprefix("v")
    if not version or version.lower() in ("latest", "$latest"):
        return None
    return int(digits) if digits.isdigit() and len(digits) < 9 else 0
