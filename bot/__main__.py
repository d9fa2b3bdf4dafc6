"""The command line: run, web, worker, check, migrate. Exit 0 fine, 1 failed, 2 bad configuration.

Only arguments, exit codes and what is printed before logs exist live here; putting the parts together is ``bot.app``'s.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import structlog
import typer

from bot import doctor
from bot.app import migrate_database, open_app
from bot.config import Config, load_config
from bot.errors import BotError, ConfigError
from bot.logs import set_up_logs
from bot.stopping import unless
from bot.texts import command_line as texts

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class Exit(IntEnum):
    """What the process says to whoever started it."""

    FINE = 0
    FAILED = 1
    BAD_CONFIGURATION = 2


Path_ = Annotated[Path | None, typer.Option("--config", "-c", help=texts.CONFIG_HELP, show_default=False)]

cli = typer.Typer(
    name="python -m bot",
    help=texts.HELP,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@cli.callback(invoke_without_command=True)
def main(context: typer.Context, config: Path_ = None) -> None:
    """Run everything when no command is named."""
    context.obj = config
    if context.invoked_subcommand is None:
        _serve(config, web=True, worker=True)


@cli.command(help=texts.RUN_HELP)
def run(context: typer.Context, config: Path_ = None) -> None:
    """Serve the web doors, the gateway and the engine in one process."""
    _serve(config or context.obj, web=True, worker=True)


@cli.command(help=texts.WEB_HELP)
def web(context: typer.Context, config: Path_ = None) -> None:
    """Serve the web doors alone."""
    _serve(config or context.obj, web=True, worker=False)


@cli.command(help=texts.WORKER_HELP)
def worker(context: typer.Context, config: Path_ = None) -> None:
    """Serve the gateway and the engine alone."""
    _serve(config or context.obj, web=False, worker=True)


@cli.command(help=texts.CHECK_HELP)
def check(context: typer.Context, config: Path_ = None) -> None:
    """Try everything and say what to mend."""
    loaded = _load(config or context.obj)
    findings = _complete(_unless_signalled(doctor.examine(loaded)))
    for finding in findings:
        typer.echo(texts.finding(finding.mark.value, finding.subject, finding.message))
    raise typer.Exit(Exit.FAILED if any(finding.mark is doctor.Mark.BAD for finding in findings) else Exit.FINE)


@cli.command(help=texts.MIGRATE_HELP)
def migrate(context: typer.Context, config: Path_ = None) -> None:
    """Bring the database to the newest shape."""
    _complete(_unless_signalled(migrate_database(_load(config or context.obj))))
    typer.echo(texts.MIGRATED)


def _load(path: Path | None) -> Config:
    """Read the configuration and set up the logs, or print every problem and leave."""
    try:
        config = load_config(path, os.environ)
    except ConfigError as error:
        _leave_with(error)
    set_up_logs(config.log.level, config.log.format, secrets=config.secrets())
    return config


def _leave_with(error: ConfigError) -> NoReturn:
    """Print every problem, which never holds a value, and leave."""
    for key, message in error.problems:
        typer.echo(texts.problem(key, message), err=True)
    raise typer.Exit(Exit.BAD_CONFIGURATION) from None


def _serve(path: Path | None, *, web: bool, worker: bool) -> NoReturn:
    _complete(_until_signalled(_load(path), web=web, worker=worker))
    raise typer.Exit(Exit.FINE)


async def _until_signalled(config: Config, *, web: bool, worker: bool) -> None:
    """Keep the parts running until SIGTERM or SIGINT, then let each finish what is in hand."""
    stop = _signalled()
    async with contextlib.AsyncExitStack() as stack:
        app = await unless(stop, stack.enter_async_context(open_app(config, web=web, worker=worker)))
        if app is None:
            _leave_at_once(Exit.FINE)
        await app.run_until(stop)
    log.info("stopped")


async def _unless_signalled(work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do what has no parts to stop; a signal ends it, and the process, in the middle."""
    stop = _signalled()
    result = await unless(stop, work)
    if stop.is_set():
        _leave_at_once(Exit.FAILED)
    return result


def _signalled() -> asyncio.Event:
    """Give the event that SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows knows no such handlers; Ctrl-C interrupts there
            loop.add_signal_handler(name, stop.set)
    return stop


def _leave_at_once(code: Exit) -> NoReturn:
    """End without waiting for threads: one that waits for a database hears nobody, and loses nothing by a kill (law 7)."""
    log.info("stopped")
    sys.stdout.flush()
    os._exit(code)


def _complete(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; what fails is logged without local variables and becomes an exit code."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.FINE) from None
    except ConfigError as error:
        _leave_with(error)
    except BotError as error:
        log.error("failed", error=type(error).__name__, detail=str(error))  # noqa: TRY400 - the message says it all
    except OSError as error:
        log.error("failed", error=type(error).__name__, detail=error.strerror)  # noqa: TRY400 - e.g. the port is taken
    except Exception:
        log.exception("failed")
    raise typer.Exit(Exit.FAILED)


if __name__ == "__main__":
    cli()
