"""Users and roles of an account, its policies, and to whom they are attached."""

from __future__ import annotations

from collections.abc import Sequence

from cloudhand.core.account import Attachment, Identity, Kind, Policy, Role, User
from cloudhand.store.database import Row, Statements
from cloudhand.store.rows import from_ms, moment, to_ms


class Rights:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    # Users

    async def add_user(self, user: User) -> None:
        await self._statements.change(
            "INSERT INTO users (account_id, name, created_at, display_name, comments)"
            " VALUES (?, ?, ?, ?, ?)",
            user.account_id,
            user.name,
            to_ms(user.created_at),
            user.display_name,
            user.comments,
        )

    async def users(self, account_id: str, *names: str) -> list[User]:
        """These, or all, in the order of their names."""
        rows = await self._named(
            "SELECT name, account_id, created_at, display_name, comments FROM users",
            account_id,
            names,
        )
        return [
            User(
                name=row[0],
                account_id=row[1],
                created_at=moment(row[2]),
                display_name=row[3],
                comments=row[4],
            )
            for row in rows
        ]

    async def remove_user(self, account_id: str, name: str) -> None:
        await self._remove("users", account_id, name)

    # Roles

    async def add_role(self, role: Role) -> None:
        await self._statements.change(
            "INSERT INTO roles (account_id, name, created_at, trust, description)"
            " VALUES (?, ?, ?, ?, ?)",
            role.account_id,
            role.name,
            to_ms(role.created_at),
            role.trust,
            role.description,
        )

    async def roles(self, account_id: str, *names: str) -> list[Role]:
        """These, or all, in the order of their names."""
        rows = await self._named(
            "SELECT name, account_id, created_at, trust, description FROM roles", account_id, names
        )
        return [
            Role(
                name=row[0],
                account_id=row[1],
                created_at=moment(row[2]),
                trust=row[3],
                description=row[4],
            )
            for row in rows
        ]

    async def remove_role(self, account_id: str, name: str) -> None:
        await self._remove("roles", account_id, name)

    # Policies

    async def add_policy(self, policy: Policy) -> None:
        await self._statements.change(
            "INSERT INTO policies (account_id, name, created_at, document, description)"
            " VALUES (?, ?, ?, ?, ?)",
            policy.account_id,
            policy.name,
            to_ms(policy.created_at),
            policy.document,
            policy.description,
        )

    async def change_policy(self, policy: Policy) -> None:
        await self._statements.change(
            "UPDATE policies SET document = ?, version = ?, changed_at = ?"
            " WHERE account_id = ? AND name = ?",
            policy.document,
            policy.version,
            to_ms(policy.changed_at),
            policy.account_id,
            policy.name,
        )

    async def policies(self, account_id: str, *names: str) -> list[Policy]:
        """Those of the account's own making: these, or all, in the order of their names."""
        rows = await self._named(
            "SELECT name, account_id, created_at, document, description, version, changed_at"
            " FROM policies",
            account_id,
            names,
        )
        return [
            Policy(
                name=row[0],
                account_id=row[1],
                created_at=moment(row[2]),
                document=row[3],
                description=row[4],
                version=row[5],
                changed_at=from_ms(row[6]),
            )
            for row in rows
        ]

    async def remove_policy(self, account_id: str, name: str) -> None:
        await self._remove("policies", account_id, name)

    # What is attached

    async def attach(self, attachment: Attachment) -> bool:
        """Whether it was not attached before."""
        return bool(
            await self._statements.change(
                "INSERT INTO attachments (account_id, kind, name, system, policy, attached_at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                attachment.account_id,
                attachment.kind.value,
                attachment.name,
                int(attachment.system),
                attachment.policy,
                to_ms(attachment.attached_at),
            )
        )

    async def detach(self, attachment: Attachment) -> bool:
        """Whether it was attached."""
        return bool(
            await self._statements.change(
                "DELETE FROM attachments WHERE account_id = ? AND kind = ? AND name = ?"
                " AND system = ? AND policy = ?",
                attachment.account_id,
                attachment.kind.value,
                attachment.name,
                int(attachment.system),
                attachment.policy,
            )
        )

    async def attached_to(self, who: Identity) -> list[Attachment]:
        """In the order of the policies' names."""
        return await self._attachments(
            "account_id = ? AND kind = ? AND name = ?", who.account_id, who.kind.value, who.name
        )

    async def attachments_of(
        self, account_id: str, policy: str, *, system: bool
    ) -> list[Attachment]:
        return await self._attachments(
            "account_id = ? AND policy = ? AND system = ?", account_id, policy, int(system)
        )

    async def attachment_counts(self, account_id: str) -> dict[str, int]:
        """By the names of policies."""
        rows = await self._statements.fetch(
            "SELECT policy, count(*) FROM attachments WHERE account_id = ? GROUP BY policy",
            account_id,
        )
        return {row[0]: row[1] for row in rows}

    async def _attachments(self, condition: str, *values: object) -> list[Attachment]:
        rows = await self._statements.fetch(
            "SELECT account_id, kind, name, system, policy, attached_at FROM attachments"
            f" WHERE {condition} ORDER BY policy, name",
            *values,
        )
        return [
            Attachment(
                account_id=row[0],
                kind=Kind(row[1]),
                name=row[2],
                system=bool(row[3]),
                policy=row[4],
                attached_at=moment(row[5]),
            )
            for row in rows
        ]

    async def _named(self, select: str, account_id: str, names: Sequence[str]) -> list[Row]:
        wanted = f" AND name IN ({', '.join('?' * len(names))})" if names else ""
        return await self._statements.fetch(
            f"{select} WHERE account_id = ?{wanted} ORDER BY name", account_id, *names
        )

    async def _remove(self, table: str, account_id: str, name: str) -> None:
        await self._statements.change(
            f"DELETE FROM {table} WHERE account_id = ? AND name = ?", account_id, name
        )
