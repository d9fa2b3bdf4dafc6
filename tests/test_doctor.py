"""The examination: every part is tried whatever the one before said, and each finding says what to do."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.config import Config, load_config
from bot.core.model import CampaignId, Condition, ConditionKind, GuildId, RoleId
from bot.doctor import Finding, Mark, examine
from bot.store import migrate, open_store
from sandbox.discord.faults import Fault as DiscordFault
from sandbox.stage import Stage
from sandbox.world.examples import small_world
from sandbox.world.patreon_faults import Fault

Configure = Callable[..., Config]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage(small_world())
    async with made.serve():
        yield made


@pytest.fixture
def configure(stage: Stage, tmp_path: Path) -> Configure:
    environment = stage.environment(8080, f"sqlite:///{tmp_path}/bot.db")

    def make(**changes: str) -> Config:
        return load_config(None, environment | changes)

    return make


def of(findings: list[Finding], subject: str) -> list[tuple[Mark, str]]:
    return [(finding.mark, finding.message) for finding in findings if finding.subject == subject]


def the(findings: list[Finding], subject: str) -> tuple[Mark, str]:
    (found,) = of(findings, subject)
    return found


async def rule(config: Config, guild: int, role: int) -> None:
    store = await open_store(config.database_url, [key.get_secret_value() for key in config.secret_keys])
    async with store.write() as t:
        await t.rules.add(GuildId(guild), CampaignId("1"), RoleId(role), Condition(ConditionKind.PAYING))
    await store.close()


async def test_a_good_set_up_has_nothing_bad(configure: Configure, stage: Stage) -> None:
    findings = await examine(configure())

    assert [finding for finding in findings if finding.mark is Mark.BAD] == []
    assert the(findings, "database")[0] is Mark.FINE
    assert the(findings, "patreon")[0] is Mark.FINE
    assert the(findings, f"server {stage.guild.id}")[0] is Mark.FINE


async def test_every_part_is_tried_when_all_of_them_are_broken(configure: Configure, stage: Stage) -> None:
    stage.world.patreon.faults.add(Fault.TOKEN_REVOKED)
    findings = await examine(configure(DISCORD_TOKEN="wrong-token-of-the-test", DISCORD_GUILD_IDS="5"))

    assert {finding.subject for finding in findings if finding.mark is Mark.BAD} == {"patreon", "discord"}


async def test_a_database_that_cannot_be_opened_keeps_discord_from_nothing(configure: Configure) -> None:
    findings = await examine(configure(DATABASE_URL="sqlite:////proc/nowhere/bot.db"))

    assert the(findings, "database")[0] is Mark.BAD
    assert the(findings, "patreon")[0] is Mark.NOTE
    assert the(findings, "discord")[0] is Mark.FINE


async def test_a_database_that_breaks_after_opening_keeps_discord_from_nothing(configure: Configure, tmp_path: Path) -> None:
    config = configure()
    await migrate(config.database_url)
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        database.execute("DROP TABLE rules")

    findings = await examine(config)

    assert [mark for mark, _ in of(findings, "database")] == [Mark.FINE, Mark.BAD]
    assert the(findings, "patreon")[0] is Mark.FINE
    assert the(findings, "discord")[0] is Mark.FINE


async def test_a_server_that_fails_keeps_the_others_from_nothing(configure: Configure, stage: Stage) -> None:
    stage.discord.faults.add(DiscordFault("GET /guilds/*/roles", status=403))
    findings = await examine(configure(DISCORD_GUILD_IDS=f"{stage.guild.id},99999999999999999999"))

    mark, message = the(findings, f"server {stage.guild.id}")
    assert mark is Mark.BAD
    assert "403" in message
    assert the(findings, "discord")[1].endswith("in 1 server")
    assert "Invite" in the(findings, "server 99999999999999999999")[1]


async def test_a_discord_that_hangs_up_is_said_to_be_down(configure: Configure, stage: Stage) -> None:
    stage.discord.faults.add(DiscordFault("GET /users/@me", cut=True, times=2))

    assert "ServerDisconnectedError" in the(await examine(configure()), "discord")[1]


async def test_patreon_down_is_told_apart_from_a_dead_token(configure: Configure, stage: Stage) -> None:
    stage.world.patreon.faults.add(Fault.GONE)

    mark, message = the(await examine(configure()), "patreon")

    assert mark is Mark.BAD
    assert "does not answer" in message


async def test_a_campaign_that_is_not_the_creators_names_what_there_is(configure: Configure, stage: Stage) -> None:
    mark, message = the(await examine(configure(PATREON_CAMPAIGN_ID="404")), "patreon")

    assert mark is Mark.BAD
    assert stage.world.patreon.campaign().id in message


async def test_a_server_without_the_bot_gets_an_invitation(configure: Configure) -> None:
    mark, message = the(await examine(configure(DISCORD_GUILD_IDS="12345")), "server 12345")

    assert mark is Mark.BAD
    assert "permissions=268435456" in message


async def test_a_role_above_the_bots_is_named_with_what_to_do(configure: Configure, stage: Stage) -> None:
    top = max(stage.guild.roles.values(), key=lambda role: role.position)
    config = configure()
    await rule(config, stage.guild.id, top.id)

    mark, message = of(await examine(config), f"server {stage.guild.id}")[0]

    assert mark is Mark.BAD
    assert top.name in message
    assert "Drag" in message


async def test_a_rule_for_a_role_that_is_gone_is_named(configure: Configure, stage: Stage) -> None:
    config = configure()
    await rule(config, stage.guild.id, 99)

    mark, message = the(await examine(config), f"server {stage.guild.id}")

    assert mark is Mark.BAD
    assert "99" in message


async def test_a_webhook_that_is_not_registered_yet_is_a_note(configure: Configure) -> None:
    findings = await examine(configure(WEB_PUBLIC_URL="https://bot.test"))

    assert the(findings, "webhook")[0] is Mark.NOTE
    assert the(findings, "address") == (
        Mark.FINE,
        "https://bot.test; the redirect URI to enter at Patreon is https://bot.test/oauth/redirect",
    )


async def test_version_1_is_told_where_to_make_its_webhook(configure: Configure) -> None:
    findings = await examine(configure(PATREON_API_VERSION="1", WEB_PUBLIC_URL="https://bot.test"))

    assert "https://bot.test/webhooks/patreon" in the(findings, "webhook")[1]
