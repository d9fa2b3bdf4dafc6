"""What cogs are built from: every use case a command may call. Made by the composition root; no behaviour of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.creators import Campaigns, ManualGrants, Patrons, Rules, Settings, Syncs
from bot.guilds import Guilds
from bot.linking import Linking, PersonalData
from bot.sync import Engine, Previews


@dataclass(frozen=True, slots=True)
class UseCases:
    """One of each; ``guilds`` is Discord as the engine sees it, ``engine`` is told what the gateway says.

    ``clock_ahead`` says how far this machine's clock is ahead of the time the bot goes by.
    """

    linking: Linking
    personal: PersonalData
    campaigns: Campaigns
    rules: Rules
    settings: Settings
    patrons: Patrons
    manual: ManualGrants
    syncs: Syncs
    previews: Previews
    engine: Engine
    guilds: Guilds
    now: Callable[[], datetime]
    clock_ahead: Callable[[], timedelta] = timedelta
