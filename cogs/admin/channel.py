"""The staff channel of a guild: choosing it, telling something there, and the brake's questions in it.

Where there is none, or it was deleted or closed, the guild's owner gets it as a direct message. What nobody can be told is
logged; what matters of it stands in /sync status and /doctor as well.
"""

from dataclasses import replace

import discord
import structlog

from bot.core.model import GuildId
from bot.creators import Question
from bot.discord_bot import PatronRolesBot, UseCases
from bot.errors import RuleRefused
from bot.sync.reports import BrakeReleased
from bot.sync.turns import Turns
from bot.texts import staff, syncs
from cogs.admin.brake import question_view

log = structlog.get_logger(__name__)


class StaffChannel:
    """The staff channels of all guilds. A question is asked once, kept up to date while it is open, and then closed."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases) -> None:
        self._bot = bot
        self._use = use_cases
        self._turns = Turns()
        self._unreached: set[GuildId] = set()

    def reaches_owner(self, guild: GuildId) -> bool:
        """Return False when the owner's direct messages were closed the last time something had to go there."""
        return guild not in self._unreached

    async def choose(self, guild: GuildId, channel: int) -> None:
        """Let everything go to this channel from now on, and ask there what nobody has answered so far.

        Raises RuleRefused when the bot may not write there: such a channel would swallow every question.
        """
        try:
            await self._where(guild, channel).send(staff.STAFF_CHANNEL_TEST)
        except (discord.Forbidden, discord.NotFound) as closed:
            raise RuleRefused(staff.STAFF_CHANNEL_CLOSED) from closed
        await self._use.settings.save_staff_channel(guild, channel)
        for hold in await self._use.syncs.unanswered(guild):
            await self.ask(guild, hold.run, anew=True)

    async def tell(self, guild: GuildId, text: str, view: discord.ui.View | None = None) -> discord.Message | None:
        """Write to the staff of a guild, or else to its owner; None when that was not possible."""
        channel = (await self._use.settings.load(guild)).staff_channel
        if channel is not None:
            try:
                return await _send(self._where(guild, channel), text, view)
            except (discord.Forbidden, discord.NotFound) as closed:
                log.warning("staff_channel_closed", guild=guild, channel=channel, code=closed.code)
            except discord.HTTPException as refused:
                log.warning("staff_not_told", guild=guild, channel=channel, code=refused.code)
                return None
        return await self._tell_owner(guild, text, view)

    async def _tell_owner(self, guild: GuildId, text: str, view: discord.ui.View | None) -> discord.Message | None:
        known = self._bot.get_guild(guild)
        if known is None or known.owner_id is None:
            log.warning("owner_not_known", guild=guild)
            return None
        try:
            channel = await self._bot.create_dm(discord.Object(known.owner_id))
            sent = await _send(channel, syncs.to_owner(known.name, text), view)
        except discord.HTTPException as refused:
            log.warning("owner_not_told", guild=guild, code=refused.code)
            self._unreached.add(guild)
            return None
        self._unreached.discard(guild)
        return sent

    async def ask_what_waited(self) -> None:
        """Ask the questions nobody was asked yet."""
        for hold in await self._use.syncs.unasked():
            await self.ask(hold.guild, hold.run)

    async def ask(self, guild: GuildId, run: int, *, anew: bool = False) -> None:
        """Put the brake's question to the staff, or let the one that stands there say what is held by now.

        ``anew``: ask where the staff is told now, and close the one that stands elsewhere.
        """
        async with self._turns.of((guild, run)):
            question = await self._use.syncs.question(guild, run)
            if question is None or (question.shown_at == question.held_at and not anew):
                return
            if anew:
                await self.close(question, syncs.brake_moved(run))
                question = replace(question, channel=None, message=None)
            text = syncs.brake_question(run, question.revocations, await self._use.syncs.names(guild))
            where = await self._put(question, text)
            if where is not None:
                await self._use.syncs.asked(question, *where)

    async def close(self, question: Question | BrakeReleased, text: str) -> None:
        """Take the buttons off a question that was settled elsewhere, and say how."""
        if question.channel is None or question.message is None:
            return
        try:
            await self._message(question.guild, question.channel, question.message).edit(content=text, view=None)
        except discord.HTTPException as refused:
            log.info("question_not_closed", guild=question.guild, run=question.run, code=refused.code)

    async def _put(self, question: Question, text: str) -> tuple[int, int] | None:
        """Write a question where it stands, or anew where that is gone; give the ids of channel and message."""
        if question.channel is not None and question.message is not None:
            known = self._bot.get_guild(question.guild)
            to_owner = known is not None and known.get_channel_or_thread(question.channel) is None
            shown = syncs.to_owner(known.name, text) if known is not None and to_owner else text
            try:
                await self._message(question.guild, question.channel, question.message).edit(content=shown)
            except (discord.Forbidden, discord.NotFound):
                log.info("question_gone", guild=question.guild, run=question.run)
            except discord.HTTPException as refused:
                log.warning("question_not_edited", guild=question.guild, run=question.run, code=refused.code)
                return None
            else:
                return question.channel, question.message
        sent = await self.tell(question.guild, text, view=question_view(question.guild, question.run))
        return None if sent is None else (sent.channel.id, sent.id)

    def _where(self, guild: GuildId, channel: int) -> discord.PartialMessageable:
        return self._bot.get_partial_messageable(channel, guild_id=guild)

    def _message(self, guild: GuildId, channel: int, message: int) -> discord.PartialMessage:
        return self._where(guild, channel).get_partial_message(message)


async def _send(where: discord.abc.Messageable, text: str, view: discord.ui.View | None) -> discord.Message:
    return await (where.send(text, view=view) if view else where.send(text))
