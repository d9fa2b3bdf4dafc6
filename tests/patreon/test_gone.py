"""Telling "this is not there" from "version 1 is no more"."""

import pytest

from bot.errors import AccessDenied, NotThere, PatreonError, PatreonGone, PatreonUnavailable
from bot.patreon.gone import GoneWatch
from bot.patreon.v1 import V1Dialect
from bot.patreon.v2 import V2Dialect

PLEDGES = "/oauth2/api/campaigns/70261/pledges"
USER = "/oauth2/api/current_user"
CAMPAIGNS = "/oauth2/api/current_user/campaigns"


def watch(version: int = 1) -> GoneWatch:
    return GoneWatch(version, (V1Dialect() if version == 1 else V2Dialect()).root_paths)


def refused(kind: type[PatreonError], status: int, code_name: str | None = None) -> PatreonError:
    error = kind("no")
    error.status, error.code_name = status, code_name
    return error


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("path", [USER, CAMPAIGNS])
def test_an_address_that_always_exists_is_not_there(path: str, status: int) -> None:
    gone = watch().judge(path, "creator", refused(NotThere, status))
    assert isinstance(gone, PatreonGone)
    assert (gone.status, gone.version) == (status, 1)


def test_any_410_of_v1_is_its_end() -> None:
    assert isinstance(watch().judge(PLEDGES, "creator", refused(NotThere, 410)), PatreonGone)


def test_one_campaign_that_is_not_found_says_nothing_of_v1() -> None:
    error = refused(NotThere, 404)
    assert watch().judge(PLEDGES, "creator", error) is error


def test_a_member_that_is_gone_says_nothing_of_v2() -> None:
    watching = watch(2)
    for number in range(20):
        error = refused(NotThere, 410)
        assert watching.judge(f"/oauth2/v2/members/{number}", "creator", error) is error
    assert isinstance(watching.judge("/oauth2/v2/identity", "creator", refused(NotThere, 404)), PatreonGone)


def test_403_on_everything_is_the_end_of_v1() -> None:
    watching = watch()
    kinds = [type(watching.judge(path, "creator", refused(AccessDenied, 403))) for path in [PLEDGES, CAMPAIGNS, USER] * 2]
    assert kinds[0] is AccessDenied
    assert kinds[-1] is PatreonGone


def test_403_for_everybody_is_the_end_of_v1() -> None:
    watching = watch()
    kinds = [type(watching.judge(USER, f"patron:{number}", refused(AccessDenied, 403))) for number in range(5)]
    assert kinds == [AccessDenied] * 4 + [PatreonGone]


def test_one_answer_is_proof_of_life() -> None:
    watching = watch()
    for number in range(50):
        if number % 4 == 0:
            watching.succeeded()
        assert type(watching.judge(USER, f"patron:{number}", refused(AccessDenied, 403))) is AccessDenied


def test_a_client_registered_for_v2_is_not_the_end_of_v1() -> None:
    watching = watch()
    for number in range(20):
        error = refused(AccessDenied, 403, "OAuthClientViewForbidden")
        assert watching.judge(USER, f"patron:{number}", error) is error


def test_an_outage_is_not_the_end() -> None:
    watching = watch()
    for number in range(20):
        error = refused(PatreonUnavailable, 503)
        assert watching.judge(USER, f"patron:{number}", error) is error
