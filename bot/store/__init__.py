"""Rows: the only place that knows a database. Others open a ``Store`` and speak in core types and ``records``."""

from bot.store.migrate import migrate
from bot.store.store import Store, open_store
from bot.store.tables import Tables

__all__ = ["Store", "Tables", "migrate", "open_store"]
