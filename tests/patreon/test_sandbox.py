"""The client against the simulated Patreon, over real sockets: what a scripted one without state cannot show."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.core.model import CREATOR, CampaignId, MembershipId, PatronStatus, patron_owner
from bot.errors import (
    AccessDenied,
    AccessRevoked,
    IncompleteList,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
    RequestRefused,
    UnexpectedAnswer,
    WebhookRejected,
    WrongToken,
)
from bot.patreon.answers import WebhookNotice
from bot.patreon.v1_calls import V1Calls
from bot.patreon.v2 import ESSENTIAL, FIELDS
from bot.patreon.webhook import parse, verify
from sandbox.world.examples import REDIRECT_URI, crowd
from sandbox.world.patreon_faults import Fault
from sandbox.world.patreon_hooks import V1_TRIGGERS, V2_TRIGGERS
from tests.patreon.doubles import Answer, serving
from tests.patreon.place import Place, patrons


async def test_from_consent_to_membership(place: Place) -> None:
    async with place.open() as client:
        ann = await place.link(client, "Ann")
        found = await client.fetch_own_membership(ann, place.campaign)
        assert found is not None
        assert (found.status, found.amount_cents, found.tier_cents) == (PatronStatus.ACTIVE, 500, 500)
        ben = await place.link(client, "Ben")
        assert await client.fetch_own_membership(ben, place.campaign) is None
        finn = await place.link(client, "Finn")
        assert await client.fetch_own_membership(finn, place.campaign) is None, "a patron of Dan's only"


async def test_a_pair_that_may_not_see_pledges_does_not_say_that_there_is_none(old: Place) -> None:
    async with old.open() as client:
        ann = await old.link(client, "Ann", ["identity"])
        with pytest.raises(AccessDenied, match="pledges-to-me"):
            await client.fetch_own_membership(ann, old.campaign)


async def test_a_pair_that_sees_one_campaign_does_not_say_that_there_is_nothing_in_another(new: Place) -> None:
    dans = CampaignId(new.patreon.campaign("dan").id)
    async with new.open() as client:
        finn = await new.link(client, "Finn")
        with pytest.raises(AccessDenied, match=r"identity\.memberships"):
            await client.fetch_own_membership(finn, dans)
        assert await client.fetch_own_membership(finn, new.campaign) is None
        ben = await new.link(client, "Ben", ["identity", "identity.memberships"])
        assert await client.fetch_own_membership(ben, dans) is None


async def test_a_patron_without_a_membership_is_read_while_the_creators_pair_is_dead(new: Place) -> None:
    async with new.open() as client:
        ben = await new.link(client, "Ben")
        new.patreon.oauth.revoke(new.patreon.account("Clara"))
        assert await client.fetch_own_membership(ben, new.campaign) is None


async def test_list_single_read_and_own_read_agree(place: Place) -> None:
    async with place.open() as client:
        ann = await place.link(client, "Ann")
        own = await client.fetch_own_membership(ann, place.campaign)
        listed = [one async for page in client.read_campaign(place.campaign) for one in page.memberships]
        assert own is not None
        assert [(one.patron, one.status, one.amount_cents, one.tiers) for one in listed] == [
            (ann, own.status, own.amount_cents, own.tiers)
        ]
        if place.version == 2:
            assert own.membership is not None
            single = await client.fetch_membership(place.campaign, own.membership)
            assert (single.patron, single.paid_through) == (ann, own.paid_through)


async def test_the_campaign_and_its_tiers(place: Place) -> None:
    async with place.open() as client:
        found = await client.fetch_campaign(place.campaign)
    prices = {tier.title: tier.amount_cents for tier in found.tiers if tier.amount_cents}
    assert prices == {"Bronze": 300, "Silver": 500, "Gold": 1000}
    assert found.creator == place.patreon.account("Clara").id


async def test_the_creator_who_links_is_known_by_their_campaign(place: Place) -> None:
    async with place.open() as client:
        back = await place.server.consent(client.authorize_url("s"), "Clara")
        identity = await client.fetch_identity(await client.exchange_code(parse_qs(urlsplit(back).query)["code"][0]))
    assert place.campaign in identity.campaigns_owned
    assert identity.membership_of(place.campaign) is None


async def test_v2_reads_a_thousand_at_a_time(new: Place) -> None:
    crowd(new.world, 2_500)
    async with new.open() as client:
        found = await patrons(client, new.campaign)
    assert len(set(found)) == 2_501
    assert new.patreon.requests["GET /oauth2/v2/campaigns/{campaign}/members"] == 3


async def test_a_list_with_a_page_missing_counts_for_nothing(place: Place) -> None:
    crowd(place.world, 350 if place.version == 1 else 3_500)
    place.patreon.faults.add(Fault.PAGE_MISSING, times=1)
    async with place.open() as client:
        with pytest.raises(IncompleteList):
            await patrons(client, place.campaign)


@pytest.mark.parametrize("people", [3, 2_500])
async def test_a_list_whose_last_page_leads_to_itself_is_read_whole(new: Place, people: int) -> None:
    crowd(new.world, people)
    everybody = {one.account.id for one in new.patreon.campaign().memberships}
    new.patreon.faults.add(Fault.LAST_PAGE_LOOPS)
    async with new.open() as client:
        assert set(await patrons(client, new.campaign)) == everybody


async def test_a_list_that_leads_to_itself_with_a_page_missing_counts_for_nothing(new: Place) -> None:
    crowd(new.world, 3_500)
    new.patreon.faults.add(Fault.LAST_PAGE_LOOPS)
    new.patreon.faults.add(Fault.PAGE_MISSING, times=1)
    async with new.open() as client:
        with pytest.raises(IncompleteList):
            await patrons(client, new.campaign)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.SERVER_ERROR, PatreonUnavailable),
        (Fault.HTML_PAGE, PatreonUnavailable),
        (Fault.CUT, PatreonUnavailable),
        (Fault.BROKEN_JSON, UnexpectedAnswer),
        (Fault.RATE_LIMITED, RateLimited),
    ],
)
async def test_every_fault_is_an_error_and_no_answer(place: Place, fault: Fault, kind: type[PatreonError]) -> None:
    async with place.open() as client:
        ann = await place.link(client, "Ann")
        place.patreon.faults.add(fault, seconds=600)
        with pytest.raises(kind):
            await client.fetch_own_membership(ann, place.campaign)
        with pytest.raises(kind):
            await patrons(client, place.campaign)
        assert place.vault.records[patron_owner(ann)].broken_since is None


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HTML_PAGE, Fault.CUT, Fault.RATE_LIMITED])
async def test_a_fault_that_passes_is_lived_through(place: Place, fault: Fault) -> None:
    async with place.open() as client:
        place.patreon.faults.add(fault, times=2, seconds=5)
        assert len(await patrons(client, place.campaign)) == 1


async def test_an_expired_token_is_renewed_and_the_old_pair_forgotten(place: Place) -> None:
    place.patreon.oauth.renewal_kills_access = True
    async with place.open() as client:
        ann = await place.link(client, "Ann")
        first = place.vault.records[patron_owner(ann)].tokens
        place.world.clock.move(timedelta(days=40))
        assert await client.fetch_own_membership(ann, place.campaign) is not None
        record = place.vault.records[patron_owner(ann)]
        assert record.tokens != first
        assert record.previous is None


async def test_a_grant_that_was_taken_back_breaks_the_link(place: Place) -> None:
    async with place.open() as client:
        ann = await place.link(client, "Ann")
        place.patreon.oauth.revoke(place.patreon.account("Ann"))
        with pytest.raises(AccessRevoked):
            await client.fetch_own_membership(ann, place.campaign)
        assert place.vault.records[patron_owner(ann)].broken_since is not None


async def test_a_second_consent_of_the_creator_does_not_lose_the_campaign(place: Place) -> None:
    place.patreon.oauth.consent_kills_older = True
    async with place.open() as client:
        back = await place.server.consent(client.authorize_url("s"), "Clara")
        tokens = await client.exchange_code(parse_qs(urlsplit(back).query)["code"][0])
        await place.vault.save_spare(CREATOR, tokens)
        assert len(await patrons(client, place.campaign)) == 1
        assert place.vault.records[CREATOR].broken_since is None


async def test_somebody_elses_campaign_names_the_token_it_needs(place: Place) -> None:
    async with place.open() as client:
        with pytest.raises(WrongToken, match="creator's token"):
            await patrons(client, CampaignId(place.patreon.campaign("dan").id))


async def test_a_v2_client_on_v1_is_told_what_is_wrong() -> None:
    made = Place(1, 2)
    async with made.server.serve(), made.open() as client:
        with pytest.raises(PatreonError) as caught:
            await client.fetch_campaigns()
        assert caught.value.code_name == "OAuthClientViewForbidden"
        for call in (patrons(client, made.campaign), V1Calls(client.ask).fetch_page_of_pledges(made.campaign)):
            with pytest.raises(AccessDenied, match="OAuthClientViewForbidden") as denied:
                await call
            assert type(denied.value) is AccessDenied


async def test_a_v1_client_may_speak_v2() -> None:
    made = Place(2, 1)
    async with made.server.serve(), made.open() as client:
        assert len(await patrons(client, made.campaign)) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in FIELDS for name in FIELDS[kind] if f"{kind}.{name}" not in ESSENTIAL]
)
async def test_every_field_but_the_essential_may_be_withdrawn(new: Place, kind: str, name: str) -> None:
    async with new.open() as client:
        await client.create_webhook(new.campaign, "https://bot.example/webhooks/patreon")
        new.patreon.withdrawn.add((kind, name))
        ann = await new.link(client, "Ann")
        own = await client.fetch_own_membership(ann, new.campaign)
        assert own is not None
        assert own.membership is not None
        assert (await client.fetch_membership(new.campaign, own.membership)).status is PatronStatus.ACTIVE
        assert await patrons(client, new.campaign) == [ann]
        assert len((await client.fetch_campaign(new.campaign)).tiers) >= 3
        assert len(await client.list_webhooks()) == 1


async def test_callers_at_the_same_time_all_live_through_a_field_that_is_withdrawn(new: Place) -> None:
    async with new.open() as client:
        new.patreon.withdrawn |= {("member", "is_gifted"), ("tier", "amount_cents")}
        lists = await asyncio.gather(*(patrons(client, new.campaign) for _ in range(6)))
    assert [len(found) for found in lists] == [1] * 6


@pytest.mark.parametrize("field", ESSENTIAL)
async def test_without_an_essential_field_nothing_is_read(new: Place, field: str) -> None:
    kind, _, name = field.partition(".")
    new.patreon.withdrawn.add((kind, name))
    async with new.open() as client:
        await client.create_webhook(new.campaign, "https://bot.example/webhooks/patreon")
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "webhook": client.list_webhooks,
            "member": lambda: patrons(client, new.campaign),
            "pledge-event": lambda: client.fetch_paid_tier(member_id(new, "Ann")),
        }
        with pytest.raises(RequestRefused, match=name):
            await asked[kind]()


def member_id(place: Place, name: str) -> MembershipId:
    found = place.patreon.membership(name)
    assert found is not None
    return MembershipId(found.id)


async def test_the_history_of_somebody_who_cancelled_names_what_they_paid_for(new: Place) -> None:
    new.patreon.change_pledge("Ann", tier="Gold")
    new.patreon.cancel("Ann")
    gold = next(tier.id for tier in new.patreon.campaign().tiers.values() if tier.title == "Gold")
    async with new.open() as client:
        assert await client.fetch_paid_tier(member_id(new, "Ann")) == gold


async def test_a_deleted_account_that_is_still_named_is_a_former_patron(new: Place) -> None:
    new.patreon.delete_account("Ann")
    async with new.open() as client:
        (page,) = [page async for page in client.read_campaign(new.campaign)]
    assert [one.status for one in page.memberships] == [PatronStatus.FORMER]
    assert page.unreadable == frozenset()


async def test_the_webhook_is_registered_signed_paused_and_resumed(new: Place) -> None:
    async with new.open() as client:
        made = await client.create_webhook(new.campaign, "https://bot.example/webhooks/patreon")
        assert made.secret is not None
        assert [one.webhook for one in await client.list_webhooks()] == [made.webhook]
        assert (await client.change_webhook(made.webhook, paused=True)).paused
        assert not (await client.change_webhook(made.webhook, paused=False)).paused
        moved = await client.change_webhook(made.webhook, uri="https://bot.example/elsewhere", triggers=["members:update"])
        assert moved.uri == "https://bot.example/elsewhere"
        await client.delete_webhook(made.webhook)
        await client.delete_webhook(made.webhook)
        assert await client.list_webhooks() == ()


async def test_webhooks_of_both_versions_are_understood(place: Place) -> None:
    async with place.open() as client, serving() as bot:
        bot.on("/hook", Answer(200))
        registered = next(iter(place.patreon.oauth.clients.values()))
        secret: str | None = registered.secret
        if place.version == 1:
            place.patreon.hooks.register(registered, place.patreon.campaign(), f"{bot.base}/hook", V1_TRIGGERS)
        else:
            secret = (await client.create_webhook(place.campaign, f"{bot.base}/hook")).secret
        place.patreon.change_pledge("Ann", tier="Gold")
        place.patreon.cancel("Ann", at_once=True)
        await place.server.sender.settled()
        notices = []
        for seen in bot.seen:
            verify(seen.body, seen.headers["X-Patreon-Signature"], [secret or ""])
            notices.append(parse(seen.headers["X-Patreon-Event"], seen.body, place.world.clock.now()))
        with pytest.raises(WebhookRejected):
            verify(bot.seen[0].body + b" ", bot.seen[0].headers["X-Patreon-Signature"], [secret or ""])
    assert {(one.patron, one.campaign) for one in notices} == {(place.patreon.account("Ann").id, place.campaign)}
    assert notices[0].membership is not None
    assert notices[0].membership.amount_cents == 1000
    assert notices[-1].membership is not None
    assert (notices[-1].membership.status, notices[-1].membership.amount_cents) == (PatronStatus.FORMER, 0)


async def test_the_test_button_of_either_version_says_nothing_of_anybody(place: Place) -> None:
    registered = next(iter(place.patreon.oauth.clients.values()))
    triggers = V1_TRIGGERS if place.version == 1 else V2_TRIGGERS[:6]
    hook = place.patreon.hooks.register(registered, place.patreon.campaign(), "http://127.0.0.1:1/hook", triggers)
    for trigger in triggers:
        delivery = place.server.sender.test(hook, trigger)
        assert parse(trigger, delivery.body, place.began) == WebhookNotice(trigger)


async def test_more_people_link_within_a_minute_than_a_token_may_ask_in_it(new: Place) -> None:
    new.patreon.limits.enabled = True
    registered = next(iter(new.patreon.oauth.clients.values()))
    ann, scopes = new.patreon.account("Ann"), frozenset({"identity"})
    codes = [new.patreon.oauth.consent(ann, registered, REDIRECT_URI, scopes).value for _ in range(130)]
    async with new.open() as client:
        pairs = [await client.exchange_code(code) for code in codes]
    assert len({pair.access for pair in pairs}) == 130
    assert new.patreon.requests["POST /oauth2/token"] == 130, "and none was told to wait"


async def test_tokens_that_become_known_late_or_are_voided_alone_break_nothing(new: Place) -> None:
    async with new.open() as client:
        new.patreon.oauth.lag = timedelta(seconds=2)
        ann = await new.link(client, "Ann")
        assert await client.fetch_own_membership(ann, new.campaign) is not None
        new.patreon.oauth.void_access(new.patreon.account("Ann"))
        assert await client.fetch_own_membership(ann, new.campaign) is not None
    record = new.vault.records[patron_owner(ann)]
    assert (record.version, record.broken_since) == (2, None)
