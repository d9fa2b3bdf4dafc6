"""The page of the demo: shows the sandbox's world and lets a person act in it. It knows nothing of the bot."""

from sandbox.console.server import Console

__all__ = ["Console"]
