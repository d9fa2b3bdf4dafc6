"""How long a page of 1,000 members takes to become 1,000 memberships, against msgspec decoding the same bytes untyped.

``python -m bench.decode`` prints the ratio; it ends with 1 when that is above the limit. Both are timed alternately in
one run and the best rounds compared, so that a busy machine disturbs both alike.
"""

import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bot.core.model import CampaignId
from bot.patreon.v1 import V1Dialect
from bot.patreon.v2 import FIELDS, V2Dialect

LIMIT = 2.5
ROUNDS = 60
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CAMPAIGN = CampaignId("8290127")


def members_page(count: int = 1000, seed: int = 1) -> bytes:
    """Make a page as v2 answers our own request: only the fields we ask for."""
    chance = random.Random(seed)
    tiers = [str(8348590 + number) for number in range(4)]
    prices: list[Any] = [_resource("tier", tier, {"amount_cents": 500 * index}) for index, tier in enumerate(tiers)]
    users: list[Any] = [_resource("user", str(28_000_000 + number), {}) for number in range(count)]
    page = {
        "data": [_member(chance, user["id"], chance.choice(tiers)) for user in users],
        "included": prices + users,
        "meta": {"pagination": {"cursors": {"next": "01JABCDEF"}, "total": 100_000}},
    }
    return msgspec.json.encode(page)


def pledges_page(count: int = 1000, seed: int = 1) -> bytes:
    """Make a page as v1 answers: patrons, creator, campaign and rewards come along."""
    chance = random.Random(seed)
    rewards: list[Any] = [
        _resource("reward", str(1_408_000 + number), {"amount_cents": 500 * number}, campaign=("campaign", CAMPAIGN))
        for number in range(4)
    ]
    users: list[Any] = [
        _resource("user", str(2_800_000 + number), {"full_name": f"Sample {number}"}) for number in range(count)
    ]
    campaign: Any = _resource("campaign", CAMPAIGN, {"currency": "USD"}, creator=("user", "32187"))
    pledges = [_pledge(chance, user["id"], chance.choice(rewards)["id"]) for user in users]
    return msgspec.json.encode({"data": pledges, "included": [campaign, *rewards, *users], "meta": {"count": count}})


def _resource(kind: str, identifier: str, attributes: dict[str, Any], **to_one: tuple[str, str]) -> dict[str, Any]:
    relations = {name: {"data": {"type": ref[0], "id": ref[1]}} for name, ref in to_one.items()}
    return {"type": kind, "id": identifier, "attributes": attributes, "relationships": relations}


def _member(chance: random.Random, user: str, tier: str) -> dict[str, Any]:
    started = NOW - timedelta(milliseconds=chance.randrange(10**11))
    said = {
        "patron_status": "active_patron",
        "last_charge_status": "Paid",
        "last_charge_date": "2026-10-31T20:46:10.000+00:00",
        "next_charge_date": f"2026-11-{chance.randrange(1, 29):02}T00:00:00.000+00:00",
        "currently_entitled_amount_cents": 500,
        "will_pay_amount_cents": 500,
        "campaign_lifetime_support_cents": chance.randrange(100_000),
        "is_free_trial": False,
        "is_gifted": False,
        "pledge_cadence": chance.choice([1, 1, 1, 12]),
        "pledge_relationship_start": started.isoformat(timespec="milliseconds"),
    }
    member = f"{chance.getrandbits(32):08x}-0f41-4326-8142-{chance.getrandbits(48):012x}"
    row = _resource("member", member, {name: said[name] for name in FIELDS["member"]}, user=("user", user))
    row["relationships"]["user"]["links"] = {"related": f"https://www.patreon.com/api/oauth2/v2/user/{user}"}
    row["relationships"]["currently_entitled_tiers"] = {"data": [{"id": tier, "type": "tier"}]}
    return row


def _pledge(chance: random.Random, user: str, reward: str) -> dict[str, Any]:
    said = {
        "amount_cents": 500,
        "created_at": (NOW - timedelta(milliseconds=chance.randrange(10**11))).isoformat(),
        "declined_since": None,
        "patron_pays_fees": False,
        "pledge_cap_cents": None,
        "currency": "USD",
    }
    ties = {"patron": ("user", user), "reward": ("reward", reward), "creator": ("user", "32187")}
    return _resource("pledge", str(chance.randrange(10**8)), said, **ties)


def best(*works: Callable[[], object]) -> list[float]:
    """Give the best time of each, in seconds, from alternating rounds."""
    times = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for index, work in enumerate(works):
            started = time.perf_counter()
            work()
            times[index] = min(times[index], time.perf_counter() - started)
    return times


def main() -> int:
    """Time both dialects and print a line for each."""
    untyped = msgspec.json.Decoder()
    worst = 0.0
    for name, dialect, body in (("v2 members", V2Dialect(), members_page()), ("v1 pledges", V1Dialect(), pledges_page())):
        parse = lambda body=body, dialect=dialect: dialect.parse_list(body, CAMPAIGN, NOW)  # noqa: E731
        plain = lambda body=body: untyped.decode(body)  # noqa: E731
        page, floor = best(parse, plain)
        worst = max(worst, page / floor)
        print(f"{name}: {len(body):,} bytes, {page * 1e3:.2f} ms, untyped {floor * 1e3:.2f} ms, ratio {page / floor:.2f}")
    print(f"limit {LIMIT}: {'held' if worst <= LIMIT else 'exceeded'}")
    return 0 if worst <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
