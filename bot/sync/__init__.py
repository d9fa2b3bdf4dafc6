"""The sync engine: from "something happened" to "the role is right". Pages and commands live above, decisions in core."""

from bot.sync.engine import Engine
from bot.sync.parts import EngineSettings
from bot.sync.preview import Explanation, Previews

__all__ = ["Engine", "EngineSettings", "Explanation", "Previews"]
