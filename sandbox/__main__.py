"""``python -m sandbox demo`` runs the whole bot on the sandbox; ``serve`` runs the two simulators alone."""

import asyncio
import signal
from typing import Annotated

import typer

from sandbox.stage import Stage
from sandbox.world.examples import demo_world, small_world

cli = typer.Typer(name="python -m sandbox", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@cli.command()
def demo(port: Annotated[int, typer.Option(help="The page's port; 0 stands for any that is free.")] = 0) -> None:
    """Run the real bot between a small Discord and a small Patreon, and print the address of their page."""
    from sandbox.demo import demo as run  # noqa: PLC0415 - only the demo needs the bot; "serve" is for other people's bots

    asyncio.run(run(port))


@cli.command()
def serve(
    web_port: Annotated[int, typer.Option(help="Where the bot's web doors will be.")] = 8080,
    discord_port: int = 0,
    patreon_port: int = 0,
    api_version: Annotated[int, typer.Option(min=1, max=2)] = 2,
    small: Annotated[bool, typer.Option(help="Three people instead of eleven.")] = False,
) -> None:
    """Serve a Discord and a Patreon, and print the environment in which a bot finds them."""
    asyncio.run(_serve(web_port, discord_port, patreon_port, api_version, small=small))


async def _serve(web_port: int, discord_port: int, patreon_port: int, api_version: int, *, small: bool) -> None:
    stop = asyncio.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    stage = Stage(small_world() if small else demo_world())
    async with stage.serve(discord_port=discord_port, patreon_port=patreon_port):
        stage.hook_up(web_port, api_version=api_version)
        environment = stage.environment(web_port, "sqlite:///data/sandbox.db", api_version=api_version)
        for name, value in environment.items():
            typer.echo(f"export {name}={value}")
        await stop.wait()


if __name__ == "__main__":
    cli()
