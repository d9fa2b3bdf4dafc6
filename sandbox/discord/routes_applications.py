"""The routes of a bot's own account, of the gateway's address and of application commands."""

from sandbox.discord.commands import GLOBAL, CommandBook
from sandbox.discord.errors import ApiError, missing_access
from sandbox.discord.gateway import Gateway
from sandbox.discord.rest import Answer, Call, Route
from sandbox.discord.wire import application_json, own_user_json, user_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Unknown

_APPLICATION = "/applications/{application_id}"
_IDENTIFIES_A_DAY = 1000
_DAY_MS = 86_400_000


class ApplicationRoutes:
    """Answers what a bot asks about itself, and registers its commands."""

    def __init__(self, world: DiscordWorld, gateway: Gateway, book: CommandBook) -> None:
        self._world = world
        self._gateway = gateway
        self._book = book

    def routes(self) -> list[Route]:
        """Return the routes."""
        account = [
            Route("GET", "/users/@me", self.me),
            Route("GET", "/users/@me/guilds", self.my_guilds),
            Route("GET", "/users/{user_id}", self.user),
            Route("GET", "/oauth2/applications/@me", self.application),
            Route("GET", "/applications/@me", self.application),
            Route("GET", "/gateway", self.gateway),
            Route("GET", "/gateway/bot", self.gateway_bot),
        ]
        for place in (_APPLICATION + "/commands", _APPLICATION + "/guilds/{guild_id}/commands"):
            account += [
                Route("GET", place, self.commands),
                Route("PUT", place, self.replace_commands),
                Route("POST", place, self.add_command),
                Route("GET", place + "/{command_id}", self.command),
                Route("PATCH", place + "/{command_id}", self.change_command),
                Route("DELETE", place + "/{command_id}", self.remove_command),
            ]
        return account

    async def me(self, call: Call) -> Answer:
        """Return the bot's user."""
        return own_user_json(call.bot)

    async def my_guilds(self, call: Call) -> Answer:
        """Return the bot's guilds, in short."""
        mine = [guild for guild in self._world.guilds.values() if call.bot.id in guild.members]
        return [{"id": str(guild.id), "name": guild.name, "owner": False, "features": []} for guild in mine]

    async def user(self, call: Call) -> Answer:
        """Return any user."""
        return user_json(self._world.user(call.id("user_id")))

    async def application(self, call: Call) -> Answer:
        """Return the bot's application."""
        return application_json(self._world, call.bot)

    async def gateway(self, call: Call) -> Answer:
        """Return the gateway's address."""
        del call
        return {"url": self._gateway.url}

    async def gateway_bot(self, call: Call) -> Answer:
        """Return the gateway's address and how many sessions may be started."""
        del call
        left = max(_IDENTIFIES_A_DAY - self._gateway.identifies, 0)
        limit = {"total": _IDENTIFIES_A_DAY, "remaining": left, "reset_after": _DAY_MS, "max_concurrency": 1}
        return {"url": self._gateway.url, "shards": self._gateway.shards, "session_start_limit": limit}

    async def commands(self, call: Call) -> Answer:
        """Return the commands registered for a place."""
        return self._book.of(*self._place(call))

    async def replace_commands(self, call: Call) -> Answer:
        """Register these commands and no others."""
        forms = await call.form()
        if not isinstance(forms, list):
            raise ApiError(400, 50035, "Invalid Form Body")
        place = self._place(call)
        registered = self._book.replace(*place, forms)
        self._world.timeline.add(
            "discord.commands", f"{call.bot.user.name} registered {len(forms)} commands", guild=place[1]
        )
        return registered

    async def add_command(self, call: Call) -> Answer:
        """Register one command."""
        return self._book.add(*self._place(call), await call.form())[0]

    async def command(self, call: Call) -> Answer:
        """Return one command."""
        return self._book.get(*self._place(call), call.id("command_id"))

    async def change_command(self, call: Call) -> Answer:
        """Change one command."""
        return self._book.change(*self._place(call), call.id("command_id"), await call.form())

    async def remove_command(self, call: Call) -> Answer:
        """Unregister one command."""
        self._book.remove(*self._place(call), call.id("command_id"))
        return None

    def _place(self, call: Call) -> tuple[int, int]:
        application = call.id("application_id")
        if application != call.bot.id:
            raise Unknown("application command")
        guild = call.id("guild_id") if "guild_id" in call.request.match_info else GLOBAL
        if guild != GLOBAL and call.bot.id not in self._world.guild(guild).members:
            raise missing_access()
        return application, guild
