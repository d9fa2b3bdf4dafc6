"""Generated histories, a few of each kind of database; ``make soak`` plays as many as one likes."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.world import Clock
from tests.failures.generator import generate, refresh_of
from tests.failures.model import Model, Roles
from tests.failures.play import play
from tests.failures.player import Player
from tests.failures.shrink import shrink
from tests.failures.steps import History, read, step, write
from tests.failures.town import found_town

SEEDS = {4: "postgres_url", 6: "sqlite_url"}


@pytest.mark.parametrize(("seed", "database"), SEEDS.items())
def test_a_history_ends_with_every_role_right(seed: int, database: str, request: pytest.FixtureRequest) -> None:
    history = generate(seed)
    verdict = play(history, request.getfixturevalue(database), refresh=refresh_of(seed)).verdict
    assert not verdict.faults, f"seed {seed}: {write(history)}"


def test_a_stop_while_it_reconnects_to_discord_ends(sqlite_url: str) -> None:
    # Where it does not, nothing ever happens again, and the driven loop raises.
    stopped = read("start; wait 71; trouble discord-gateway 2400; leave Dee; wait 60; wait 2400; start; link Yan Cat; stop")
    assert not play(stopped, sqlite_url, refresh=refresh_of(122)).verdict.faults


def test_the_judge_finds_a_role_that_is_not_theirs_and_one_that_is_missing(sqlite_url: str) -> None:
    def swap(player: Player) -> None:
        player.model.links = {"Ben": "Ann"}
        player.model.learn = lambda *_: None  # type: ignore[method-assign] # believe what is wrong

    history = read("start; wait 1; rule Gold; pledge Ann Gold; link Ann Ann; link Ben Ben; wait 1")
    faults = play(history, sqlite_url, refresh=30, meddle=swap).verdict.faults
    assert "Ann still has Gold" in faults
    assert "Ben is without Gold" in faults


def test_a_seed_makes_the_same_history_for_ever() -> None:
    assert generate(7) == generate(7)
    assert read(write(generate(7))) == generate(7)


def test_a_failing_history_is_made_as_short_as_it_can_be() -> None:
    history = tuple(step("wait", number) for number in range(40))
    needed = {step("wait", 3), step("wait", 31)}

    def fails(played: History) -> bool:
        return needed <= {*played}

    assert shrink(history, fails) == (step("wait", 3), step("wait", 31))


class _Truth:
    """A model beside a world whose clock is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.world = found_town(Clock(lambda: self.now))
        self.model = Model(self.world, links={"Ann": "Ann"}, rules={"Silver", "Gold", "Patrons", "Generous"})

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.world.patreon.settle()

    @property
    def ann(self) -> Roles:
        return self.model.roles("Ann", self.now)


def test_a_patron_must_have_what_the_pledge_gives_and_nothing_else() -> None:
    truth = _Truth()
    assert truth.ann == Roles(frozenset(), frozenset())
    truth.world.patreon.pledge("Ann", tier="Gold")
    assert truth.ann == Roles(frozenset({"Gold", "Patrons", "Generous"}), frozenset({"Gold", "Patrons", "Generous"}))
    truth.world.patreon.change_pledge("Ann", tier="Bronze")
    assert truth.ann.must == {"Patrons"}


def test_who_cancels_keeps_what_was_paid_for_to_its_end() -> None:
    truth = _Truth()
    truth.world.patreon.pledge("Ann", tier="Silver")
    truth.later(days=3)
    truth.world.patreon.cancel("Ann")
    truth.later(days=27)
    assert "Silver" in truth.ann.must
    truth.later(days=2)
    assert not truth.ann.may


def test_a_declined_renewal_keeps_the_role_for_the_grace() -> None:
    truth = _Truth()
    truth.world.patreon.pledge("Ann", tier="Silver")
    truth.world.patreon.break_card("Ann")
    truth.later(days=32)
    assert "Silver" in truth.ann.must
    truth.later(days=7)
    assert not truth.ann.may
    truth.model.deaf = timedelta(days=2)
    assert "Silver" in truth.ann.may


def test_news_that_is_young_makes_both_answers_right() -> None:
    truth = _Truth()
    truth.later(hours=1)
    truth.world.patreon.pledge("Ann", tier="Silver")
    truth.later(minutes=10)
    right = truth.model.roles("Ann", truth.now, truth.now - timedelta(minutes=30))
    assert not right.must
    assert "Silver" in right.may
