"""The wire between the bot and its world: it relays bytes, and at a chosen moment cuts the bot's life, not the wire.

Which bytes these are it does not know: requests, answers, webhooks and gateway events all count alike.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

_CHUNK = 65536


class Wire:
    """Relays between local ports. ``passed`` counts the pieces that came by, in either direction."""

    def __init__(self, kill: Callable[[], None]) -> None:
        """Take what ends the bot's life."""
        self._kill = kill
        self._doomed_at: int | None = None
        self._too_early = False
        self.passed = 0

    def doom(self, after: int, *, unheard: bool) -> None:
        """Kill at the piece that comes ``after`` so many more: before it arrives (``unheard``), or when it has."""
        self._doomed_at, self._too_early = self.passed + after, unheard

    def spare(self) -> None:
        """Kill nobody."""
        self._doomed_at = None

    @asynccontextmanager
    async def relay(self, port: int) -> AsyncIterator[int]:
        """Relay to a port of the loopback, whoever listens there, until the block ends; gives the port to connect to."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            async with AsyncExitStack() as stack:
                stack.callback(writer.close)
                try:
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return  # nobody listens, as where this connection leads to a dead bot
                stack.callback(far_writer.close)
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_CHUNK):
                self.passed += 1
                doomed = self._doomed_at is not None and self.passed >= self._doomed_at
                if doomed and self._too_early:
                    return self._kill()
                writer.write(piece)
                await writer.drain()
                if doomed:
                    self._kill()
        except ConnectionError:
            pass  # one end is dead
        finally:
            writer.close()
