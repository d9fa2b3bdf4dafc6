"""The use cases of creators: rules, settings, patrons, grants by hand, syncs. Nothing here talks to Discord.

Doors call these; each writes rows and wakes the engine, and never changes a role itself. Sentences live in ``bot.texts``.
"""

from bot.creators.campaigns import Campaigns, Home
from bot.creators.manual import ManualGrants
from bot.creators.patrons import OpenAnswer, PatronRow, Patrons, Stats, Which
from bot.creators.rules import Draft, Rules, group_name
from bot.creators.settings import Settings
from bot.creators.syncs import Access, Question, Syncs, SyncStatus
from bot.store.records import RunReport

__all__ = [
    "Access",
    "Campaigns",
    "Draft",
    "Home",
    "ManualGrants",
    "OpenAnswer",
    "PatronRow",
    "Patrons",
    "Question",
    "Rules",
    "RunReport",
    "Settings",
    "Stats",
    "SyncStatus",
    "Syncs",
    "Which",
    "group_name",
]
