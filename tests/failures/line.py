"""The line between the bot and a PostgreSQL server, on which one can see who waits for whom, and which can be cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Line:
    """Relays between the bot and a PostgreSQL server, so that it can be seen who waits for whom, and be cut.

    ``waiting`` is whether something was asked that has no answer yet: then no time may pass.
    """

    def __init__(self) -> None:
        self._talks: set[_Talk] = set()
        self.up = True

    @property
    def waiting(self) -> bool:
        """Whether the server owes an answer."""
        return any(talk.asked for talk in self._talks)

    def cut(self) -> None:
        """Break every connection off; the server rolls back what was not committed."""
        for talk in tuple(self._talks):
            talk.end()

    def mend(self) -> None:
        """Let connections be made again."""
        self.up = True

    @asynccontextmanager
    async def serve(self, server_url: str) -> AsyncIterator[str]:
        """Serve on a port of the loopback until the block ends; gives the URL that leads through here."""
        parts = urlsplit(server_url)
        folder = parse_qs(parts.query).get("host", [""])[0]
        loop = asyncio.get_running_loop()

        def talk() -> asyncio.Protocol:
            return _Talk(self, self._talks, folder, parts.hostname or "127.0.0.1", parts.port or 5432)

        server = await loop.create_server(talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            user = parts.username or "postgres"
            password = f":{parts.password}" if parts.password else ""
            try:
                yield f"postgresql://{user}{password}@127.0.0.1:{port}{parts.path}"
            finally:
                self.cut()


class _Talk(asyncio.Protocol):
    """One connection, both ends of it."""

    def __init__(self, line: Line, talks: "set[_Talk]", folder: str, host: str, port: int) -> None:
        self._line = line
        self._talks = talks
        self._where = folder, host, port
        self._near: asyncio.WriteTransport | None = None
        self._far: asyncio.WriteTransport | None = None
        self._early: list[bytes] = []
        self._reaching: asyncio.Task[None] | None = None
        self.asked = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reach for the server when somebody calls."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._near = transport
        if not self._line.up:
            transport.abort()
            return
        self._talks.add(self)
        self._reaching = asyncio.get_running_loop().create_task(self._reach())

    def data_received(self, data: bytes) -> None:
        """Pass on what the bot asks."""
        self.asked = True
        if self._far is None:
            self._early.append(data)
        else:
            self._far.write(data)

    def answered(self, data: bytes) -> None:
        """Pass on what the server answers."""
        self.asked = False
        if self._near is not None:
            self._near.write(data)

    def connection_lost(self, _problem: Exception | None) -> None:
        """End the other side too."""
        self.end()

    def end(self) -> None:
        """Break off both ends."""
        self._talks.discard(self)
        self.asked = False
        for transport in (self._near, self._far):
            if transport is not None:
                transport.abort()

    async def _reach(self) -> None:
        folder, host, port = self._where
        loop = asyncio.get_running_loop()
        if folder:
            made = await loop.create_unix_connection(lambda: _Answers(self), f"{folder}/.s.PGSQL.{port}")
        else:
            made = await loop.create_connection(lambda: _Answers(self), host, port)
        self._far = made[0]
        self._far.writelines(self._early)


class _Answers(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, talk: _Talk) -> None:
        self._talk = talk

    def data_received(self, data: bytes) -> None:
        self._talk.answered(data)

    def connection_lost(self, _problem: Exception | None) -> None:
        self._talk.end()
