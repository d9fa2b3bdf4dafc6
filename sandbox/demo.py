"""The demo: the real bot on a stage whose clock the page can move. The one place of the sandbox that knows the bot."""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from bot.app import App, open_app
from bot.config import load_config
from bot.logs import set_up_logs
from sandbox.console import Console
from sandbox.stage import Stage, free_port
from sandbox.world.examples import demo_world

_READY_WITHIN = 30.0
_GUILDS_TOLD_WITHIN = 0.1
"""Seconds; a Discord on the loopback has one guild and tells about it in the same breath."""
_RULES = ("Bronze", "Silver", "Gold")


async def demo(port: int) -> None:
    """Serve the page on ``port`` (0: any free one) and run the bot behind it until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers; Ctrl-C interrupts there
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with playing(port) as (url, app):
        print(f"\n  patron-roles demo: open {url}\n\n  Ctrl-C stops it.\n", flush=True)  # noqa: T201
        await app.run_until(stop)
    structlog.get_logger(__name__).info("demo_stopped")


@contextlib.asynccontextmanager
async def playing(port: int = 0) -> AsyncIterator[tuple[str, App]]:
    """Run the demo while the block runs; gives the address of its page, and the bot behind it."""
    with tempfile.TemporaryDirectory(prefix="patron-roles-demo-") as folder:
        stage = Stage(demo_world())
        console = Console(stage.world, stage.discord, stage.guild)
        async with stage.serve(), console.serve(port):
            web_port = free_port()
            stage.hook_up(web_port)
            config = load_config(None, stage.environment(web_port, f"sqlite:///{Path(folder)}/demo.db"))
            set_up_logs("warning", config.log.format, secrets=config.secrets())
            clock = stage.world.clock
            async with open_app(config, now=clock.now, sleep=clock.sleep, guild_ready_timeout=_GUILDS_TOLD_WITHIN) as app:
                await _ready(app)
                await _set_the_scene(stage)
                yield console.url, app


async def _set_the_scene(stage: Stage) -> None:
    """Let the creator make a rule for each tier, with the bot's own commands, so that the story can begin with a patron."""
    clara, guild = stage.guild.owner_id, stage.guild
    staff = next(channel.id for channel in guild.channels.values() if channel.name == "staff")
    told = await stage.discord.run_command(clara, "settings", {"staff_channel": str(staff)}, guild=guild.id)
    await told.wait_for(lambda message: not message.loading, _READY_WITHIN)
    roles = {role.name: role.id for role in guild.roles.values()}
    for title in _RULES:
        tier = stage.world.patreon.tier(title, stage.world.patreon.campaign())
        options = {"role": str(roles[title]), "when": "tier", "tier": tier.id}
        asked = await stage.discord.run_command(clara, "roles add", options, guild=guild.id)
        question = await asked.wait_for(lambda message: bool(message.components), _READY_WITHIN)
        await stage.discord.press(question, _first_button(question.components), clara)
        await asked.wait_for(lambda message: not message.components and not message.loading, _READY_WITHIN)


async def _ready(app: App) -> None:
    async with asyncio.timeout(_READY_WITHIN):
        while app.worker is not None and not app.worker.is_ready():  # noqa: ASYNC110 - the gateway tells nobody but the bot
            await asyncio.sleep(0.05)


def _first_button(components: list[dict[str, object]]) -> str:
    """Return the custom_id of the first button, which is the one that agrees."""
    for component in components:
        if component["type"] == _BUTTON:
            return str(component["custom_id"])
        inner = component.get("components")
        if isinstance(inner, list) and (found := _first_button(inner)):
            return found
    return ""


_BUTTON = 2
