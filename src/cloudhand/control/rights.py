"""What somebody may do: policies, roles, to whom they are attached, and what follows of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cloudhand.core import policy as policies
from cloudhand.core.account import OWNER, Attachment, Identity, Kind, Policy, Role
from cloudhand.core.clock import Clock
from cloudhand.core.errors import NameTaken, NotAuthorized, NotEmpty, NotTrusted, ResourceNotFound
from cloudhand.core.policy import Wish
from cloudhand.core.system_policies import SYSTEM
from cloudhand.core.tag import Kind as Tagged
from cloudhand.store.database import Database
from cloudhand.store.transaction import Transaction

_HAND_ON = "ram:PassRole"
_TAKE = "sts:AssumeRole"
DECRYPT = "kms:Decrypt"  # to be told what a secret holds


class Rights:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def check(
        self,
        who: Identity,
        action: str,
        resources: Sequence[str],
        context: Mapping[str, str],
    ) -> None:
        """NotAuthorized unless ``who`` may do this to all ``resources``, as things are now.

        ``context``: by condition key in lower case; tags of instances are looked up here.
        """
        if who.kind is Kind.OWNER:
            return

        async def work(tx: Transaction) -> None:
            await check_within(tx, who, action, resources, context)

        await self._database.read(work)

    async def check_pass(self, who: Identity, role: str) -> None:
        """NotAuthorized unless ``who`` may have others act in a role; ResourceNotFound."""
        await self.roles(who.account_id, role)
        await self.check(who, _HAND_ON, [role_arn(who.account_id, role)], {})

    # Roles

    async def roles(self, account_id: str, *names: str) -> list[Role]:
        """These, or all, in the order of their names; ResourceNotFound."""

        async def work(tx: Transaction) -> list[Role]:
            return await tx.rights.roles(account_id, *names)

        found = await self._database.read(work)
        _complain("role", names, {role.name for role in found})
        return found

    async def trusting_role(
        self, who: Identity, account_id: str, name: str, context: Mapping[str, str]
    ) -> Role:
        """A role of this account that ``who``, maybe of another, may take.

        NotTrusted, ResourceNotFound. ``context``: as of check.
        """
        (role,) = await self.roles(account_id, name)
        own = who.kind is Kind.OWNER  # who takes no roles, as on the real service
        by_name = role_arn(who.account_id, who.name) if who.kind is Kind.ROLE else arn(who)
        wish = Wish(action=_TAKE, resource=role_arn(account_id, name), context=context)
        if own or not policies.trusts(policies.read(role.trust, trust=True), by_name, wish):
            raise NotTrusted(str(who), name)
        return role

    async def add_role(self, role: Role) -> None:
        """NameTaken, PolicyInvalid."""
        policies.read(role.trust, trust=True)

        async def work(tx: Transaction) -> None:
            if await tx.rights.roles(role.account_id, role.name):
                raise NameTaken(role.name)
            await tx.rights.add_role(role)

        await self._database.write(work)

    # Policies

    async def policies(self, account_id: str, *names: str) -> list[Policy]:
        """The account's own: these, or all, in the order of their names; ResourceNotFound."""

        async def work(tx: Transaction) -> list[Policy]:
            return await tx.rights.policies(account_id, *names)

        found = await self._database.read(work)
        _complain("policy", names, {one.name for one in found})
        return found

    async def attachment_counts(self, account_id: str) -> dict[str, int]:
        """To how many users and roles policies are attached, by their names."""

        async def work(tx: Transaction) -> dict[str, int]:
            return await tx.rights.attachment_counts(account_id)

        return await self._database.read(work)

    async def add_policy(self, policy: Policy) -> None:
        """NameTaken, PolicyInvalid."""
        policies.read(policy.document)

        async def work(tx: Transaction) -> None:
            if policy.name in SYSTEM or await tx.rights.policies(policy.account_id, policy.name):
                raise NameTaken(policy.name)
            await tx.rights.add_policy(policy)

        await self._database.write(work)

    async def change_policy(self, account_id: str, name: str, document: str) -> Policy:
        """What it says from now on; ResourceNotFound, PolicyInvalid."""
        policies.read(document)
        now = self._clock.now()

        async def work(tx: Transaction) -> Policy:
            found = await tx.rights.policies(account_id, name)
            _complain("policy", [name], {one.name for one in found})
            (before,) = found
            changed = replace(before, document=document, version=before.version + 1, changed_at=now)
            await tx.rights.change_policy(changed)
            return changed

        return await self._database.write(work)

    async def remove_policy(self, account_id: str, name: str, *, detach: bool = False) -> None:
        """ResourceNotFound; NotEmpty while it is attached, unless it is to be taken off first."""

        async def work(tx: Transaction) -> None:
            found = await tx.rights.policies(account_id, name)
            _complain("policy", [name], {one.name for one in found})
            for one in await tx.rights.attachments_of(account_id, name, system=False):
                if not detach:
                    raise NotEmpty(f"policy {name}", "attachments")
                await tx.rights.detach(one)
            await tx.rights.remove_policy(account_id, name)

        await self._database.write(work)

    async def attach(self, who: Identity, policy: str, *, system: bool) -> None:
        """ResourceNotFound; NameTaken where it is attached already."""
        wanted = self._attachment(who, policy, system=system)

        async def work(tx: Transaction) -> None:
            await _check_there(tx, wanted)
            if not await tx.rights.attach(wanted):
                raise NameTaken(policy)

        await self._database.write(work)

    async def detach(self, who: Identity, policy: str, *, system: bool) -> None:
        """ResourceNotFound."""
        unwanted = self._attachment(who, policy, system=system)

        async def work(tx: Transaction) -> None:
            if not await tx.rights.detach(unwanted):
                raise ResourceNotFound("policy", [policy])

        await self._database.write(work)

    async def attached_to(self, who: Identity) -> list[Attachment]:
        """In the order of the policies' names; ResourceNotFound."""

        async def work(tx: Transaction) -> list[Attachment]:
            await check_known(tx, who)
            return await tx.rights.attached_to(who)

        return await self._database.read(work)

    def _attachment(self, who: Identity, policy: str, *, system: bool) -> Attachment:
        return Attachment(
            account_id=who.account_id,
            kind=who.kind,
            name=who.name,
            policy=policy,
            system=system,
            attached_at=self._clock.now(),
        )


def role_arn(account_id: str, name: str) -> str:
    return f"acs:ram::{account_id}:role/{name}"


def arn(who: Identity) -> str:
    kinds = {
        Kind.OWNER: OWNER,
        Kind.USER: f"user/{who.name}",
        Kind.ROLE: f"assumed-role/{who}",
    }
    return f"acs:ram::{who.account_id}:{kinds[who.kind]}"


def read_stored(
    who: Identity, region_id: str, names: Collection[str], *, secret: bool
) -> dict[str, list[str]]:
    """The actions, and the resources of each, of reading values from the parameter store."""
    kind = "SecretParameter" if secret else "Parameter"
    before = f"acs:oos:{region_id}:{who.account_id}:{kind.lower()}"
    reading = {f"oos:Get{kind}": [f"{before}/{name.lstrip('/')}" for name in sorted(names)]}
    return {**reading, DECRYPT: [keys_arn(who.account_id, region_id)]} if secret else reading


def keys_arn(account_id: str, region_id: str) -> str:
    """Of what seals secrets."""
    return f"acs:kms:{region_id}:{account_id}:key/*"


async def check_within(
    tx: Transaction,
    who: Identity,
    action: str,
    resources: Sequence[str],
    context: Mapping[str, str],
) -> None:
    """As Rights.check, in a transaction that goes on with what it allows."""
    if who.kind is Kind.OWNER:
        return
    held = await _held(tx, who)
    wishes = [
        Wish(
            action=action,
            resource=one,
            context={**context, **tags},
            tagged=not one.endswith("*"),
        )
        for one, tags in (await _tagged(tx, held, resources)).items()
    ]
    refused = [one for one in wishes if not policies.allows(held, one)]
    if refused:
        raise NotAuthorized(str(who), action, refused[0].resource)


async def _held(tx: Transaction, who: Identity) -> list[policies.Policy]:
    attached = await tx.rights.attached_to(who)
    own = [one.policy for one in attached if not one.system]
    documents = [SYSTEM[one.policy].document for one in attached if one.system]
    if own:
        documents += [one.document for one in await tx.rights.policies(who.account_id, *own)]
    return [policies.read(one) for one in documents]


async def _tagged(
    tx: Transaction, held: Collection[policies.Policy], resources: Sequence[str]
) -> dict[str, dict[str, str]]:
    """The condition keys of the tags of each resource, as far as they decide anything."""
    found: dict[str, dict[str, str]] = {one: {} for one in resources}
    if not policies.asks_for_tags(held):
        return found
    by_id = {one.rpartition("/")[2]: one for one in resources if ":instance/" in one}
    for kind in (Tagged.INSTANCE, Tagged.MANAGED_INSTANCE):
        for thing, tags in (await tx.tags.of(kind, list(by_id))).items():
            found[by_id[thing]] = {
                f"{policies.TAG}{key.lower()}": value for key, value in tags.items()
            }
    return found


async def _check_there(tx: Transaction, wanted: Attachment) -> None:
    await check_known(
        tx, Identity(account_id=wanted.account_id, kind=wanted.kind, name=wanted.name)
    )
    if wanted.system:
        known = set(SYSTEM)
    else:
        known = {one.name for one in await tx.rights.policies(wanted.account_id, wanted.policy)}
    _complain("policy", [wanted.policy], known)


async def check_known(tx: Transaction, who: Identity) -> None:
    """ResourceNotFound unless there is such a user or role; the owner is always there."""
    if who.kind is Kind.ROLE:
        roles = await tx.rights.roles(who.account_id, who.name)
        _complain("role", [who.name], {one.name for one in roles})
    elif who.kind is Kind.USER:
        users = await tx.rights.users(who.account_id, who.name)
        _complain("user", [who.name], {one.name for one in users})


def _complain(kind: str, wanted: Sequence[str], there: Collection[str]) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise ResourceNotFound(kind, missing)
