"""The stage of every journey: the real bot on both simulators, and what patrons and creators do there, in one object.

Nothing of the bot is replaced: it is started by its composition root with the environment an operator would set. Only the
clock is the world's, so that a test can move it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp

from bot.app import App, open_app
from bot.config import load_config
from sandbox.discord.components import text_of
from sandbox.discord.interaction import Interaction
from sandbox.stage import Stage, free_port
from sandbox.world import World
from sandbox.world.examples import small_world
from sandbox.world.guild_records import Guild, Message
from sandbox.world.patreon import Who
from tests.waiting import PATIENCE, until

HURRY = 5
"""How much faster than real time the bot's pauses pass."""


class Theatre:
    """A running bot on a stage. People are named by first name, roles and tiers by title."""

    def __init__(self, stage: Stage, database_url: str, *, api_version: int = 2, web_port: int | None = None) -> None:
        self.stage = stage
        # How soon the bot answers is tested in tests/cogs; a loaded machine shall not end a journey in the middle.
        stage.discord.interactions.answer_seconds = PATIENCE
        self.web_port = web_port or free_port()
        stage.hook_up(self.web_port, api_version=api_version)
        self.environment = stage.environment(self.web_port, database_url, api_version=api_version)
        self._app: App | None = None

    @property
    def app(self) -> App:
        """The running bot."""
        assert self._app is not None, "the bot is not running"
        return self._app

    @property
    def world(self) -> World:
        return self.stage.world

    @property
    def guild(self) -> Guild:
        return self.stage.guild

    @asynccontextmanager
    async def bot(self, **changes: str) -> AsyncIterator[App]:
        """Run the bot while the block runs, with ``changes`` to its environment; it may be run again afterwards."""
        config = load_config(None, self.environment | changes)
        now = self.world.clock.now
        async with open_app(config, now=now, sleep=self._sleep, guild_ready_timeout=0.1) as app:
            self._app = app
            await self.until(lambda: app.worker is None or app.worker.is_ready(), "the gateway")
            try:
                yield app
            finally:
                self._app = None

    # --- people -------------------------------------------------------------------------------------------------------

    def user(self, name: str) -> int:
        """Return the Discord id of a person."""
        return next(user.id for user in self.world.discord.users.values() if user.name == name.lower())

    def role(self, name: str) -> int:
        """Return the id of a role."""
        return next(role.id for role in self.guild.roles.values() if role.name == name)

    def roles(self, name: str) -> set[str]:
        """Return the names of a member's roles."""
        return self.world.discord.role_names_of(self.guild.id, self.user(name))

    async def command(self, name: str, command: str, **options: Any) -> Interaction:
        """Let a member use a command; wait until the bot no longer thinks."""
        interaction = await self.stage.discord.run_command(self.user(name), command, options, guild=self.guild.id)
        await interaction.settled(PATIENCE)
        return interaction

    async def press(self, interaction: Interaction, label: str) -> Interaction:
        """Let the same member press a button of the answer."""
        message = await interaction.wait_for(lambda message: bool(message.components), PATIENCE)
        pressed = await self.stage.discord.press(message, label, interaction.user_id)
        await pressed.response(PATIENCE)
        return pressed

    async def rule(self, role: str, tier: str | None = None, *, by: str = "Clara", **options: Any) -> None:
        """Let the creator make a rule; for a tier, or as ``options`` of ``/roles add`` say."""
        if tier is not None:
            options |= {"when": "tier", "tier": self.world.patreon.tier(tier, self.world.patreon.campaign()).id}
        await self.agree(by, "roles add", role=str(self.role(role)), **options)

    async def rules(self) -> None:
        """Make a rule for each paid tier, giving the role of the same name."""
        for title in ("Bronze", "Silver", "Gold"):
            await self.rule(title, title)

    # --- the staff ----------------------------------------------------------------------------------------------------

    async def staff_channel(self) -> None:
        """Let the creator choose the channel in which the bot asks and warns."""
        await self.command("Clara", "settings", staff_channel=str(self._staff))

    def staff(self) -> list[Message]:
        """Return what stands in the staff channel, oldest first."""
        return self.world.discord.history(self._staff)

    async def until_staff(self, words: str) -> Message:
        """Wait until the staff have been told something; return the message."""
        await self.until(lambda: any(words in text_of(message) for message in self.staff()), f"staff: {words}")
        return next(message for message in self.staff() if words in text_of(message))

    async def agree(self, name: str, command: str, **options: Any) -> None:
        """Let a member use a command that asks first, and agree."""
        asked = await self.command(name, command, **options)
        question = await asked.wait_for(lambda message: bool(message.components), PATIENCE)
        await self.stage.discord.press(question, first_button(question), asked.user_id)
        await asked.wait_for(lambda message: not message.components and not message.loading, PATIENCE)

    def role_calls(self) -> int:
        """Count the calls with which the bot gave or took roles, or tried to."""
        calls = self.stage.discord.calls.items()
        return sum(count for route, count in calls if route.startswith(("PUT", "DELETE")) and "/roles/" in route)

    @property
    def _staff(self) -> int:
        return next(channel.id for channel in self.guild.channels.values() if channel.name == "staff")

    # --- the browser --------------------------------------------------------------------------------------------------

    async def link(self, name: str, account: Who | None = None, *, allow: bool = True) -> tuple[Interaction, str]:
        """Link in a browser of few words; return the ``/link`` interaction and the last page's text."""
        interaction = await self.command(name, "link")
        page = await self.follow(link_of(interaction), account or name, allow=allow)
        return interaction, await self.confirm(page) if "confirm" in page else page

    async def follow(self, address: str, account: Who, *, allow: bool = True) -> str:
        """Open the button's address, decide at Patreon, and return the page the bot shows then."""
        async with aiohttp.ClientSession() as browser:
            async with browser.get(address, allow_redirects=False) as answer:
                if answer.status != 303:
                    return await answer.text()
                at_patreon = answer.headers["Location"]
            back = await self.stage.patreon.consent(at_patreon, account, allow=allow)
            async with browser.get(back) as answer:
                return await answer.text()

    async def confirm(self, page: str, answer: str = "yes") -> str:
        """Press a button of the page that names both accounts; return the page that follows."""
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token is not None, page
        form = {"token": token[1], "answer": answer}
        async with aiohttp.ClientSession() as browser, browser.post(f"{self.url}/link/confirm", data=form) as response:
            return await response.text()

    @property
    def url(self) -> str:
        """The address of the bot's web doors."""
        return f"http://127.0.0.1:{self.web_port}"

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait until the world is as wanted."""
        try:
            await until(condition, what or str(condition))
        except AssertionError as never:
            entries = "\n".join(f"{entry.kind}: {entry.text}" for entry in self.world.timeline.entries[-40:])
            raise AssertionError(f"{never}\n{entries}") from None

    async def until_roles(self, name: str, *roles: str) -> None:
        """Wait until a member has exactly these roles."""
        await self.until(lambda: self.roles(name) == set(roles), f"{name} has {roles}, not {self.roles(name)}")

    async def calm(self) -> None:
        """Wait until every webhook is delivered and no nudge is left that could be worked on now."""
        await self.stage.patreon.sender.settled()
        self._wake()
        quiet = 0
        async with asyncio.timeout(PATIENCE):
            while quiet < 5:
                await asyncio.sleep(0.02)
                quiet = quiet + 1 if await self._idle() else 0

    async def refresh(self) -> None:
        """Let the creator ask for a refresh with ``/sync now``, and wait until it is done."""
        await self.command("Clara", "sync now")
        await self.calm()

    async def wait(self, **span: float) -> None:
        """Move the world's clock on by a span of ``timedelta``'s words, and wait until its work is done."""
        self.world.clock.move(timedelta(**span))
        await self.calm()

    async def _sleep(self, seconds: float) -> None:
        """Let the bot's pauses end early; between two looks at the clock nothing happens that a test wants to see."""
        await self.world.clock.sleep(seconds / HURRY)

    def _wake(self) -> None:
        """Spare the test the second in which the engine looks at the clock by itself."""
        if self.app.worker is not None:
            self.app.worker.wake()

    async def _idle(self) -> bool:
        now = self.world.clock.now()
        async with self.app.store.read() as t:
            planned = [state.next_refresh_at for state in await t.campaigns.load_all()]
            refresh = any(at is not None and at <= now for at in planned)
            return not (refresh or await t.nudges.pending(now) or await t.memberships.due(now, 1))


@asynccontextmanager
async def theatre(
    database_url: str, *, api_version: int = 2, world: World | None = None, **changes: str
) -> AsyncIterator[Theatre]:
    """Open the theatre with the bot running: Clara's guild with Ann (Silver), Ben (nobody's patron), Finn (Dan's patron)."""
    stage = Stage(world or small_world())
    async with stage.serve():
        house = Theatre(stage, database_url, api_version=api_version)
        async with house.bot(**changes):
            yield house


def link_of(interaction: Interaction) -> str:
    """Return the address behind the button of ``/link``."""
    return next(
        str(part["url"]) for message in interaction.messages for part in _parts(message.components) if part.get("url")
    )


def first_button(message: Message) -> str:
    """Return the custom_id of a message's first button, which is the one that agrees."""
    return buttons(message)[0]


def buttons(message: Message) -> list[str]:
    """Return the custom_ids of a message's buttons."""
    return [str(part["custom_id"]) for part in _parts(message.components) if part["type"] == 2]


def _parts(components: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [part for component in components for part in (component, *_parts(component.get("components", [])))]
