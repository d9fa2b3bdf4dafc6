"""What staff may know of patrons, and roles given by hand."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.core.model import CampaignId, DiscordUserId, PatronId, PatronStatus
from bot.creators.manual import Asked
from sandbox.discord.interaction import NotPossible
from sandbox.world.guild_records import Permission
from tests.cogs.place import Place, Site, open_place
from tests.cogs.shelf import GOLD_TIER, SILVER_TIER
from tests.cogs.staff import every_page, forty_rules, rule_for_gold


async def test_show_tells_link_membership_and_worth(place: Place) -> None:
    await place.link(place.ann, "p1")
    message = await place.answer("patrons show", member=place.ann)
    assert f"<@{place.ann}> is patron `p1`" in message.content
    assert "Gold, 10.00 EUR a month" in message.content
    assert "So: the membership is paid." in message.content


async def test_show_of_somebody_unlinked_says_so(place: Place) -> None:
    assert "has not linked" in (await place.answer("patrons show", member=place.ann)).content


@pytest.mark.parametrize("command", ["patrons show", "patrons explain", "sync now"])
async def test_a_server_without_a_campaign_learns_of_nobodys_patreon_account(site: Site, command: str) -> None:
    async with open_place(site, served=False) as place:
        await place.link(place.ann, "p1")
        interaction = await place.type(command, member=place.ann)
        await interaction.wait_for(lambda answer: "No Patreon campaign is connected to this server" in answer.content)
    assert "p1" not in interaction.text
    assert "paid" not in interaction.text


async def test_what_somebody_gives_elsewhere_is_not_told_here(place: Place) -> None:
    patron, ends_at = await place.link(place.ann, "p1"), place.now + timedelta(days=9)
    elsewhere = place.patreon.pledge(
        patron, None, campaign=CampaignId("elsewhere"), status=PatronStatus.FORMER, paid_through=ends_at, amount_cents=4200
    )
    async with place.store.write() as t:
        await t.memberships.save(elsewhere, due_at=None)
    commands: dict[str, dict[str, Any]] = {"patrons show": {}, "patrons explain": {}, "simulate": {"status": "active"}}
    for command, options in commands.items():
        message = await place.answer(command, member=place.ann, **options)
        assert all(hint not in message.content for hint in ("elsewhere", "42.00", f"{ends_at.timestamp():.0f}")), command


async def test_explain_names_each_rule_the_ledger_and_the_log(place: Place) -> None:
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    await (await place.type("sync now", member=place.ann)).wait_for(lambda answer: "got **Gold**" in answer.content)
    # What the gateway tells of members is for a cog that is not loaded here.
    await place.engine.members.updated(place.guild, DiscordUserId(place.ann), frozenset({place.gold}))
    message = await place.answer("patrons explain", member=place.ann)
    assert "✅ **Gold** for everybody on the tier Gold: yes" in message.content
    assert "**Gold**: has it, given by me" in message.content
    assert "granted **Gold**" in message.content


async def test_explain_says_that_a_role_was_there_before(place: Place) -> None:
    await rule_for_gold(place)
    place.town.world.give_role(place.guild, place.ann, place.gold)
    await place.link(place.ann, "p1", SILVER_TIER)
    await place.type("membership", place.ann)
    await place.until(lambda t: t.ledger.of(place.guild, place.ann))
    message = await place.answer("patrons explain", member=place.ann)
    assert "❌ **Gold** for everybody on the tier Gold: no, the membership is not on this tier" in message.content
    assert "given by somebody else" in message.content


async def test_list_pages_through_everybody_once(place: Place) -> None:
    people = [place.town.world.add_user(f"fan{number}").id for number in range(40)]
    for number, user in enumerate(people):
        await place.link(user, f"fan-{number}")
    lines = await every_page(place, "patrons list")
    assert [line.split(":")[0] for line in lines] == [f"<@{user}>" for user in people]
    assert await every_page(place, "patrons list", which="lapsed") == ["Nobody to show."]


async def test_roles_given_by_hand_are_all_listed(place: Place) -> None:
    guests = [DiscordUserId(place.town.world.add_user(f"guest{number}").id) for number in range(9)]
    for guest in guests:
        await place.use_cases.manual.grant(Asked(place.guild, guest, place.silver, "*" * 200, guest))
    lines = await every_page(place, "patrons list", which="by_hand")
    assert {line.split(":")[0] for line in lines} == {f"<@{guest}>" for guest in guests}


async def test_everything_is_explained_where_there_are_many_rules(place: Place) -> None:
    roles = await forty_rules(place)
    await place.link(place.ann, "p1")
    for command, options in (("patrons explain", {}), ("simulate", {"status": "active", "tier": str(GOLD_TIER)})):
        lines = await every_page(place, command, member=place.ann, **options)
        follows = next(number for number, line in enumerate(lines) if line.startswith("Roles by the rules"))
        answers = [number for number, line in enumerate(lines) if line[0] in "✅❌❔"]
        assert follows < min(answers)
        assert len(answers) == len(roles)
        assert lines[min(answers)].startswith("✅ **Gold**")


async def test_list_shows_only_those_asked_for(place: Place) -> None:
    await place.link(place.ann, "p1")
    await place.link(place.mod, "p2", None)
    message = await place.answer("patrons list", which="paying")
    assert f"<@{place.ann}>" in message.content
    assert f"<@{place.mod}>" not in message.content


async def test_export_is_a_table_only_the_asker_sees(place: Place) -> None:
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    interaction = await place.type("patrons export")
    message = await interaction.wait_for(lambda answer: bool(answer.attachments))
    assert interaction.ephemeral
    rows = list(csv.DictReader(io.StringIO(message.attachments[0].data.decode())))
    assert [(row["discord_user_id"], row["tiers"], row["roles"]) for row in rows] == [(str(place.ann), "Gold", "Gold")]


async def test_stats_count_patrons_and_links_by_tier(place: Place) -> None:
    await place.link(place.ann, "p1")
    await place.link(place.mod, "p2")
    async with place.store.write() as t:
        await t.memberships.save(place.patreon.pledge(PatronId("p3"), SILVER_TIER), None)
    message = await place.answer("patrons stats")
    assert "Entitled: **3**, of them linked: **2**" in message.content
    assert "25.00 EUR" in message.content
    assert "Gold: 2, linked 2" in message.content
    assert "Silver \\*star\\*: 1, linked 0" in message.content


async def test_a_role_given_by_hand_comes_is_listed_and_ends(place: Place) -> None:
    interaction = await place.type("patrons grant", member=place.ann, role=place.silver, reason="won the *raffle*", days=30)
    assert "won the \\*raffle\\*" in (await interaction.settled()).content
    await place.has(place.ann, "Silver")
    assert f"<@{place.ann}>: **Silver** until" in (await place.answer("patrons list", which="by_hand")).content
    await place.answer("patrons ungrant", member=place.ann, role=place.silver)
    await place.has(place.ann)
    assert "No role was given by hand" in (await place.answer("patrons list", which="by_hand")).content


async def test_a_role_for_somebody_who_is_not_here_is_refused_without_their_name_in_the_log(place: Place) -> None:
    stranger = place.town.world.add_user("stranger")
    with capture_logs() as logs:
        interaction = await place.type("patrons grant", member=stranger.id, role=place.silver, reason="friend")
        await interaction.wait_for(lambda answer: "That user is not in this server" in answer.content)
    assert "stranger" not in str(logs)


async def test_a_role_given_by_hand_goes_when_its_time_is_over(place: Place) -> None:
    await place.answer("patrons grant", member=place.ann, role=place.silver, reason="guest", days=1)
    await place.has(place.ann, "Silver")
    await place.until(lambda t: t.log.of(place.guild, place.ann))
    place.town.world.clock.move(timedelta(days=1, minutes=1))
    await place.has(place.ann)


async def test_ending_what_was_not_given_by_hand_is_refused(place: Place) -> None:
    interaction = await place.type("patrons ungrant", member=place.ann, role=place.silver)
    await interaction.wait_for(lambda answer: "not given through /patrons grant" in answer.content)


async def test_a_moderator_cannot_give_by_hand_what_is_above_them(place: Place) -> None:
    interaction = await place.type("patrons grant", place.mod, member=place.ann, role=place.gold, reason="friend")
    await interaction.wait_for(lambda answer: "not below your own highest role" in answer.content)
    await place.has(place.ann)


async def test_a_moderator_cannot_end_by_hand_what_is_above_them(place: Place) -> None:
    await place.answer("patrons grant", member=place.ann, role=place.gold, reason="guest")
    await place.has(place.ann, "Gold")
    interaction = await place.type("patrons ungrant", place.mod, member=place.ann, role=place.gold)
    await interaction.wait_for(lambda answer: "not below your own highest role" in answer.content)
    assert await place.use_cases.manual.of_guild(place.guild)


async def test_who_may_manage_roles_in_a_channel_only_gives_none_by_hand(place: Place) -> None:
    helper = place.helper(channel=Permission.MANAGE_ROLES)
    interaction = await place.type("patrons grant", helper, member=place.ann, role=place.silver, reason="friend")
    await interaction.wait_for(lambda answer: "You may not manage roles in this server" in answer.content)
    await place.has(place.ann)


async def test_members_without_the_permission_do_not_see_the_creators_commands(place: Place) -> None:
    with pytest.raises(NotPossible):
        await place.type("patrons export", place.ann)
