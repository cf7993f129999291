"""One transaction, with the queries of each noun."""

from __future__ import annotations

from cloudhand.store.accounts import Accounts
from cloudhand.store.activations import Activations
from cloudhand.store.agents import Agents
from cloudhand.store.assistant_settings import AssistantSettings
from cloudhand.store.audit import Audit
from cloudhand.store.commands import Commands
from cloudhand.store.database import Statements
from cloudhand.store.envelope import Envelope
from cloudhand.store.events import Events
from cloudhand.store.executions import Executions
from cloudhand.store.files import Files
from cloudhand.store.governor import Governor
from cloudhand.store.incidents import Incidents
from cloudhand.store.instances import Instances
from cloudhand.store.invocations import Invocations
from cloudhand.store.labels import Labels
from cloudhand.store.managed import ManagedInstances
from cloudhand.store.moments import Moments
from cloudhand.store.notices import Notices
from cloudhand.store.notifications import Notifications
from cloudhand.store.outputs import Outputs
from cloudhand.store.past_runs import PastRuns
from cloudhand.store.plugins import Plugins
from cloudhand.store.power_actions import PowerActions
from cloudhand.store.resealing import reseal
from cloudhand.store.rights import Rights
from cloudhand.store.sessions import Sessions
from cloudhand.store.stored_parameters import StoredParameters
from cloudhand.store.tags import Tags
from cloudhand.store.targets import Targets
from cloudhand.store.task_executions import TaskExecutions
from cloudhand.store.task_invocations import TaskInvocations
from cloudhand.store.templates import Templates
from cloudhand.store.tokens import Tokens
from cloudhand.store.totals import Totals
from cloudhand.store.upgrades import Upgrades
from cloudhand.store.watches import Watches


class Transaction:
    """What a piece of work may touch."""

    def __init__(self, statements: Statements, envelope: Envelope) -> None:
        audit = Audit(statements)
        events = Events(statements)
        watches = Watches(statements)
        past_runs = PastRuns(statements)
        self.accounts = Accounts(statements, envelope)
        self.activations = Activations(statements, envelope)
        self.agents = Agents(statements, envelope)
        self.assistant_settings = AssistantSettings(statements)
        self.audit = audit
        self.commands = Commands(statements)
        self.events = events
        self.executions = Executions(statements, events, watches, envelope)
        self.files = Files(statements, events, watches)
        self.governor = Governor(statements, events, audit)
        self.incidents = Incidents(statements)
        self.instances = Instances(statements, events, watches, audit)
        self.invocations = Invocations(statements)
        self.labels = Labels(statements)
        self.managed = ManagedInstances(statements)
        self.moments = Moments(statements)
        self.notices = Notices(statements)
        self.notifications = Notifications(statements, envelope)
        self.outputs = Outputs(statements)
        self.past_runs = past_runs
        self.plugins = Plugins(statements)
        self.power_actions = PowerActions(statements, events, audit)
        self.rights = Rights(statements)
        self.sessions = Sessions(statements, events)
        self.stored_parameters = StoredParameters(statements, envelope)
        self.tags = Tags(statements)
        self.targets = Targets(statements, events, watches, past_runs)
        self.task_invocations = TaskInvocations(statements)
        self.tasks = TaskExecutions(statements, events, watches, envelope)
        self.templates = Templates(statements)
        self.tokens = Tokens(statements, envelope)
        self.totals = Totals(statements)
        self.upgrades = Upgrades(statements, events, audit)
        self.watches = watches
        self._statements = statements
        self._envelope = envelope

    async def reseal(self) -> int:
        """Seal anew all that is sealed; how many values. StoreError."""
        return await reseal(self._statements, self._envelope)
