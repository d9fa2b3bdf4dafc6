"""One interaction as the person who started it sees it: the bot's answers and what became of them. No sockets here."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import IntEnum

from sandbox.discord.components import text_of
from sandbox.world.guild_records import Bot, Json, Message

ANSWER_SECONDS = 3.0
"""Discord's time for the first answer."""
TOKEN_LIFE = timedelta(minutes=15)
NO_ANSWER = "The application did not respond"


class Kind(IntEnum):
    """What a person did."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Callback(IntEnum):
    """Discord's types of first answers."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


class NotPossible(Exception):
    """Something Discord's client would not let a person do, such as pressing a disabled button."""


class NoAnswer(Exception):
    """What a test or the console waited for did not come in time."""


class Interaction:
    """A command, a press, a selection, a submitted modal or an autocompletion, with the bot's answers as they arrive.

    ``messages`` are the bot's messages as they are now: the original answer first, then followups; ``snapshots`` are all
    states they went through. ``modal`` is the form the bot opened, ``choices`` its autocompletion. ``error`` is what the
    person sees when the bot failed to answer within three seconds.
    """

    def __init__(self, number: int, kind: Kind, bot: Bot, *, user_id: int, channel_id: int, guild_id: int | None) -> None:
        self.id = number
        self.kind = kind
        self.bot = bot
        self.user_id = user_id
        self.channel_id = channel_id
        self.guild_id = guild_id
        self.token = secrets.token_urlsafe(64)
        self.title = ""
        self.data: Json = {}
        self.source: Message | None = None
        self.started_at: datetime | None = None
        self.callback: Callback | None = None
        self.original: Message | None = None
        self.messages: list[Message] = []
        self.snapshots: list[Message] = []
        self.modal: Json | None = None
        self.choices: list[Json] | None = None
        self.error: str | None = None
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Interaction {self.id} {self.title!r} by {self.user_id}>"

    @property
    def answered(self) -> bool:
        """Whether the bot gave its first answer in time."""
        return self.callback is not None

    @property
    def deferred(self) -> bool:
        """Whether the first answer was "thinking …" or "I have heard the press"."""
        return self.callback in {Callback.DEFERRED_MESSAGE, Callback.DEFERRED_UPDATE}

    @property
    def ephemeral(self) -> bool:
        """Whether the original answer is for this user only."""
        return self.original is not None and self.original.ephemeral

    @property
    def text(self) -> str:
        """All that can be read in the bot's messages now."""
        return "\n".join(text_of(message) for message in self.messages)

    def metadata(self) -> Json:
        """Return what a message tells about the interaction it answers."""
        owners = {"0": str(self.guild_id)} if self.guild_id is not None else {"1": str(self.user_id)}
        return {"id": str(self.id), "type": int(self.kind), "authorizing_integration_owners": owners}

    def changed(self, message: Message | None = None) -> None:
        """Wake who waits; ``message`` was sent or edited."""
        if message is not None:
            self.snapshots.append(replace(message))
        self._changed.set()

    async def response(self, timeout: float = 20.0) -> Message | None:  # noqa: ASYNC109 # waits like a person, then fails the test
        """Wait for the first answer; return the message it made or changed (None for a modal or choices).

        Raises NoAnswer when the bot let three seconds pass.
        """
        await self._until(lambda: self.answered or self.error is not None, timeout, "no answer at all")
        if self.error is not None:
            raise NoAnswer(f"{self!r}: {self.error}")
        return self.original

    async def wait_for(self, wanted: Callable[[Message], bool], timeout: float = 20.0) -> Message:  # noqa: ASYNC109
        """Wait until one of the bot's messages is as wanted; return it. NoAnswer tells what there was instead."""

        def found() -> Message | None:
            return next((message for message in self.messages if wanted(message)), None)

        await self._until(lambda: found() is not None or self.error is not None, timeout, "nothing of the kind")
        message = found()
        if message is None:
            raise NoAnswer(f"{self!r}: {self.error}")
        return message

    async def settled(self, timeout: float = 20.0) -> Message:  # noqa: ASYNC109
        """Wait until the original answer is there and no longer "thinking"; return it."""
        return await self.wait_for(lambda message: message is self.original and not message.loading, timeout)

    async def _until(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            self._changed.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                raise NoAnswer(f"{self!r}: {otherwise}; there is {self.text!r}") from None
