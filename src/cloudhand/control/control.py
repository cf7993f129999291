"""Everything that can be asked of the control plane: all verbs, one attribute per noun."""

from __future__ import annotations

from cloudhand.control.accounts import Accounts
from cloudhand.control.activations import Activations
from cloudhand.control.agents import Agents
from cloudhand.control.assistant_settings import AssistantSettings
from cloudhand.control.audit import Audit
from cloudhand.control.commands import Commands
from cloudhand.control.deadlines import Deadlines
from cloudhand.control.deliveries import Deliveries
from cloudhand.control.executions import Executions
from cloudhand.control.explanations import Explanations
from cloudhand.control.faults import Faults
from cloudhand.control.files import Files
from cloudhand.control.finishing import Finishing
from cloudhand.control.governor import Governor
from cloudhand.control.health import Health
from cloudhand.control.instances import Instances
from cloudhand.control.invocations import Invocations
from cloudhand.control.labels import Labels
from cloudhand.control.managed import Managed
from cloudhand.control.notices import Notices
from cloudhand.control.notifications import Notifications
from cloudhand.control.plugins import Plugins
from cloudhand.control.pokes import Pokes
from cloudhand.control.rights import Rights
from cloudhand.control.schedules import Schedules
from cloudhand.control.sessions import Sessions
from cloudhand.control.settings import ControlSettings
from cloudhand.control.stored_parameters import StoredParameters
from cloudhand.control.tags import Tags
from cloudhand.control.task_executions import TaskExecutions
from cloudhand.control.templates import Templates
from cloudhand.control.upgrades import Releases, Upgrades
from cloudhand.core.clock import Clock
from cloudhand.core.ids import RandomBytes
from cloudhand.orchestration.actions.library import Library
from cloudhand.orchestration.programs import Programs
from cloudhand.store.database import Database


class Control:
    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        random: RandomBytes,
        pokes: Pokes,
        settings: ControlSettings,
        library: Library,
        programs: Programs,
        releases: Releases,
    ) -> None:
        self.clock = clock
        self.random = random
        self.pokes = pokes
        self.settings = settings
        self.accounts = Accounts(database, clock, pokes)
        self.activations = Activations(database, clock, random, settings)
        self.audit = Audit(database, clock, pokes)
        self.agents = Agents(database, clock, random, pokes, settings, self.audit)
        self.assistant_settings = AssistantSettings(database, clock)
        self.commands = Commands(database, clock, random, settings)
        self.deadlines = Deadlines(database, clock, pokes)
        self.faults = Faults(database, clock, random, pokes)
        self.explanations = Explanations(database, clock, self.faults)
        self.deliveries = Deliveries(database, clock, random, pokes, settings, self.faults)
        self.templates = Templates(database, clock, random, library, programs)
        self.rights = Rights(database, clock)
        self.executions = Executions(
            database, clock, random, pokes, settings, self.templates, programs, self.rights
        )
        self.finishing = Finishing(database, clock, pokes)
        self.governor = Governor(database, clock, random, pokes)
        self.health = Health(database, clock, pokes)
        self.files = Files(database, clock, random, pokes, settings)
        self.instances = Instances(database, clock, random, pokes, settings, self.agents)
        self.invocations = Invocations(database, clock, random, pokes, settings)
        self.labels = Labels(database, clock)
        self.managed = Managed(database, clock, pokes, self.agents)
        self.schedules = Schedules(database, clock, random, pokes, settings)
        self.sessions = Sessions(database, clock, random, pokes, settings)
        self.notices = Notices(database, clock)
        self.notifications = Notifications(database, clock, random, pokes, settings)
        self.plugins = Plugins(database, clock)
        self.stored_parameters = StoredParameters(database, clock, random, programs)
        self.tags = Tags(database, clock, pokes)
        self.task_executions = TaskExecutions(database)
        self.upgrades = Upgrades(database, clock, random, pokes, settings, releases)
