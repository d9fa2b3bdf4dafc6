"""The documented objects of version 1, typed, on recorded answers."""

import pytest

from bot.errors import UnexpectedAnswer
from bot.patreon.v1_calls import pledge_to, to_query
from bot.patreon.v1_objects import Campaign, Goal, Other, Pledge, Reward, User, V1Document
from bot.patreon.wire import Ref, parse_document
from tests.patreon.samples import dump, raw, sample

# Copied from the object structures of Patreon's v1 documentation, section "API".
DOCUMENTED = {
    User: """first_name last_name full_name vanity email about facebook_id image_url thumb_url youtube twitter facebook
        is_suspended is_deleted is_nuked created url campaign""",
    Campaign: """summary creation_name pay_per_name one_liner main_video_embed main_video_url image_small_url image_url
        thanks_video_url thanks_embed thanks_msg is_monthly is_nsfw created_at published_at pledge_url pledge_sum
        patron_count creation_count outstanding_payment_amount_cents creator rewards goals pledges""",
    Pledge: """amount_cents created_at pledge_cap_cents patron_pays_fees declined_since patron reward creator address card
        pledge_vat_location""",
}


def document(name: str) -> V1Document:
    return V1Document(parse_document(raw(f"v1/{name}.json")))


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_documented_attribute_and_relationship_has_a_field(kind: type[User | Campaign | Pledge]) -> None:
    assert set(DOCUMENTED[kind].split()) <= set(kind.__struct_fields__)


def test_no_repr_shows_what_is_personal() -> None:
    answer = parse_document(raw("v1/current_user.json"))
    shown = repr(answer) + repr(V1Document(answer).data) + repr(V1Document(answer).every(User))
    assert "32187" in shown
    for personal in ("person2@example.com", "Corgi", str(answer.single().text("full_name"))):
        assert personal not in shown


def test_a_user_with_pledges_and_all_that_came_along() -> None:
    answer = document("current_user")
    (user,) = answer.data
    assert isinstance(user, User)
    assert (user.id, user.email, user.created) == ("32187", "person2@example.com", "2013-05-10T13:27:42+00:00")
    assert user.social_connections is not None
    assert user.social_connections["discord"] is None
    assert [ref.id for ref in user.pledges] == ["3268546", "4641935", "5367046", "6110391", "10563089"]
    counts = {kind: len(answer.every(kind)) for kind in (User, Campaign, Pledge, Reward, Goal, Other)}
    assert counts == {User: 6, Campaign: 5, Pledge: 5, Reward: 17, Goal: 4, Other: 2}


def test_attributes_the_documentation_does_not_name_are_kept() -> None:
    (user,) = document("current_user").data
    assert user.extra["discord_id"] is None
    assert user.extra["has_password"] is True
    (campaign,) = document("campaigns").data
    assert campaign.extra["discord_server_id"] == "212633030584565760"


def test_relationships_the_documentation_does_not_name_are_kept() -> None:
    body = sample("v1/current_user.json")
    body["data"]["relationships"]["session"] = {"data": {"type": "session", "id": "9"}}
    (user,) = V1Document(parse_document(dump(body))).data
    assert user.relations == {"session": (Ref("session", "9"),)}


def test_references_lead_to_objects() -> None:
    answer = document("current_user")
    pledge = pledge_to(answer, "211112")
    assert pledge is not None
    reward = answer.resolve(pledge.reward, Reward)
    assert reward is not None
    assert (reward.title, reward.requires_shipping, reward.amount_cents) == ("awesome reward name", True, 500)
    creator = answer.resolve(pledge.creator, User)
    assert creator is not None
    assert creator.email is None, "creators come without it"
    campaign = answer.resolve(creator.campaign, Campaign)
    assert campaign is not None
    assert campaign.id == "99664"
    card = answer.resolve(pledge.card, Other)
    assert card is not None
    assert card.kind == "card"
    assert answer.resolve(pledge.card, Reward) is None
    assert answer.resolve(None, Reward) is None
    assert pledge_to(answer, "4711") is None


def test_a_campaign_with_goals_rewards_and_the_way_to_more_pledges() -> None:
    body = sample("v1/campaigns.json")
    link = (
        "https://www.patreon.com/api/oauth2/api/campaigns/70261/pledges?page%5Bcursor%5D=2017-01-01T00%3A00%3A00%2B00%3A00"
    )
    body["data"][0]["relationships"]["pledges"] = {"links": {"first": "x", "next": link}}
    answer = V1Document(parse_document(dump(body)))
    (campaign,) = answer.data
    assert isinstance(campaign, Campaign)
    assert (campaign.pledges, campaign.pledges_next) == ((), "2017-01-01T00:00:00+00:00")
    assert [answer.resolve(ref, Goal) is not None for ref in campaign.goals] == [True] * 3
    assert len([answer.resolve(ref, Reward) for ref in campaign.rewards]) == 10


def test_a_page_of_pledges_leads_to_the_next() -> None:
    first, last = document("pledges_page_1"), document("pledges_page_2")
    assert (first.next_cursor, first.total) == ("2017-11-10T00:12:57.670910+00:00", 12)
    assert last.next_cursor is None
    assert document("campaigns").total is None
    amounts = {one.amount_cents for one in first.every(Pledge)}
    assert amounts == {100}


def test_a_documented_attribute_of_a_wrong_type_raises() -> None:
    body = sample("v1/pledges_page_2.json")
    body["data"][0]["attributes"]["amount_cents"] = "a lot"
    with pytest.raises(UnexpectedAnswer, match="amount_cents"):
        V1Document(parse_document(dump(body)))


def test_an_object_without_an_id_raises() -> None:
    with pytest.raises(UnexpectedAnswer, match="id"):
        V1Document(parse_document(raw("v1/webhook_pledges_test_null_id.json")))


def test_includes_and_fields_are_written_as_the_official_clients_do() -> None:
    assert to_query(["rewards", "creator"], {"pledge": ["status", "amount_cents"]}) == (
        ("include", "rewards,creator"),
        ("fields[pledge]", "status,amount_cents"),
    )
    assert to_query([], {"user": []}) == (("include", "null"), ("fields[user]", "null"))
    assert to_query(None, None) == ()


def test_every_recorded_object_of_version_1_can_be_typed() -> None:
    for name in ("current_user", "campaigns", "pledges_page_1", "pledges_page_2", "webhook_pledges_create_2020"):
        assert document(name).every(Campaign)
