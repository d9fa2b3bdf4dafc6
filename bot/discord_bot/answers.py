"""How commands answer: one message that only the asker sees, edited as things go on. No sentences, no decisions.

The command tree defers every command before a cog sees it, so an answer is always an edit of that deferred message and
Discord's three seconds never run out, whatever is slow behind it.
"""

import re
import secrets
import weakref
from dataclasses import dataclass
from typing import Any, Self

import discord
import structlog
from discord import app_commands

from bot.texts import commands as texts
from bot.texts.explain import cut

log = structlog.get_logger(__name__)

PATIENCE = 600.0
"""Seconds a question waits. Discord lets its message be edited for 15 minutes; the work after "yes" needs some of them."""

# Where an interaction keeps the press that answered its question: what fails later is told there.
_PRESSED = "pressed"

# Buttons and menus that somebody in this process waits for, until the bot stops.
_live: "weakref.WeakSet[Panel]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Option:
    """One button of a question. ``key`` is what :func:`ask` answers when it is pressed."""

    key: str
    label: str
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


@dataclass(frozen=True, slots=True)
class Answer:
    """A pressed button of a question. The command goes on with ``interaction``, whose 15 minutes have just begun."""

    key: str
    interaction: discord.Interaction


class Panel(discord.ui.View):
    """Buttons and menus below a message, whose errors are told as those of commands are."""

    def __init__(self, *, timeout: float | None = PATIENCE) -> None:
        super().__init__(timeout=timeout)
        _live.add(self)

    async def on_error(self, interaction: discord.Interaction, error: Exception, _item: discord.ui.Item[Any], /) -> None:
        """Tell the one who pressed."""
        await tell_failure(interaction, error)


class _Choice(discord.ui.Button["_Question"]):
    def __init__(self, option: Option) -> None:
        super().__init__(label=option.label, style=option.style, custom_id=fresh_id())
        self._key = option.key

    async def callback(self, interaction: discord.Interaction) -> None:
        """Take the buttons away, so that nobody presses twice, and let the one who asked go on."""
        question = self.view
        if question is None or question.answer is not None:
            await interaction.response.send_message(texts.OUTDATED, ephemeral=True)
            return
        question.answer = Answer(self._key, interaction)
        try:
            await interaction.response.edit_message(view=None)
        except discord.HTTPException:
            question.answer = None  # the press did not arrive in time; the buttons are still there
            raise
        question.stop()


class _Question(Panel):
    def __init__(self, options: tuple[Option, ...]) -> None:
        super().__init__()
        self.answer: Answer | None = None
        for option in options:
            self.add_item(_Choice(option))


def fresh_id() -> str:
    """Make a ``custom_id`` for a component that lives as long as its panel."""
    return f"ask:{secrets.token_hex(8)}"


class Outdated(discord.ui.DynamicItem[discord.ui.Item[Any]], template=r"ask:[0-9a-f]{16}"):
    """A button or menu nobody waits for: it is too old, of an earlier process, or answered. Using it says so."""

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], _match: re.Match[str], /
    ) -> Self:
        """Take the item as it is."""
        return cls(item)

    async def interaction_check(self, _interaction: discord.Interaction[Any], /) -> bool:
        """Leave what somebody waits for to them."""
        waits = [item for panel in list(_live) if not panel.is_finished() for item in panel.children]
        return all(getattr(item, "custom_id", None) != self.custom_id for item in waits)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Say so beside the message, which may have gone on since."""
        await interaction.response.send_message(texts.OUTDATED, ephemeral=True)


async def say(
    interaction: discord.Interaction,
    text: str,
    *,
    view: discord.ui.View | None = None,
    file: discord.File | None = None,
) -> None:
    """Make ``text`` the answer to a command, in place of what stood there; over-long texts are cut."""
    await interaction.edit_original_response(content=cut(text), view=view, attachments=[file] if file else [])


async def try_say(interaction: discord.Interaction, text: str, *, view: discord.ui.View | None = None) -> None:
    """Edit an answer long after it was given; one that is too old for that, or was dismissed, stays as it is."""
    try:
        await say(interaction, text, view=view)
    except discord.HTTPException as refused:
        log.info("answer_too_old", code=refused.code)


async def say_later(client: discord.Client, application_id: int, token: str, text: str) -> None:
    """Do the same for the answer to a command that another process, or this one before a restart, was given."""
    answer = discord.Webhook.partial(application_id, token, client=client)
    try:
        # Discord's name for the first answer stands where a message's id does.
        await answer.edit_message("@original", content=cut(text), view=None)  # type: ignore[call-overload]
    except discord.HTTPException as refused:
        log.info("answer_too_old", code=refused.code)


async def ask(interaction: discord.Interaction, text: str, *options: Option) -> Answer | None:
    """Ask with buttons and give the pressed one; None when nobody pressed, which is then said already."""
    question = _Question(options)
    await say(interaction, text, view=question)
    await question.wait()
    if question.answer is None:
        await say(interaction, texts.TOO_SLOW)
    else:
        interaction.extras[_PRESSED] = question.answer.interaction
    return question.answer


def end_panels() -> None:
    """Stop waiting: whoever was asked something is told that nothing was changed."""
    for panel in list(_live):
        panel.stop()


def _told(error: Exception) -> str | None:
    """Say what an error means, also of those that Discord's own ways bring about; None for a fault of ours."""
    match error:
        case app_commands.TransformerError(type=discord.AppCommandOptionType.user):
            return texts.NOT_A_MEMBER
        case app_commands.TransformerError():
            return texts.NOT_UNDERSTOOD
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            return texts.OLD_COMMAND
        case _:
            return texts.failure(error)


async def tell_failure(interaction: discord.Interaction, error: Exception) -> None:
    """Say what went wrong in plain words. What is not one of our own errors is logged, and named by a code to ask for."""
    text = _told(error)
    if text is None:
        code = secrets.token_hex(4)
        command = interaction.command.qualified_name if interaction.command else None
        log.error("command_failed", failure=code, command=command, error=type(error).__name__, exc_info=error)
        text = texts.our_fault(code)
    while _PRESSED in interaction.extras:
        interaction = interaction.extras[_PRESSED]
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except discord.HTTPException as gone:
        log.warning("answer_not_delivered", status=gone.status, code=gone.code)
