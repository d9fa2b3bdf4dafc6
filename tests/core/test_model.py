"""What the values know of themselves."""

from bot.core.model import PatronId, RoleChange, TokenRecord, Tokens, patron_owner
from tests.core.cases import BRONZE
from tests.core.states import OBSERVED_AT


def test_a_token_never_shows_itself() -> None:
    tokens = Tokens("secret-access", "secret-refresh", OBSERVED_AT)

    assert "secret" not in repr(tokens)
    assert "secret" not in repr(TokenRecord(tokens, 1, previous=tokens, spare=tokens))


def test_a_change_is_true_when_there_is_something_to_do() -> None:
    assert RoleChange(grant=frozenset({BRONZE}))
    assert RoleChange(revoke=frozenset({BRONZE}))
    assert not RoleChange()


def test_a_patrons_own_pair_has_its_own_owner() -> None:
    assert patron_owner(PatronId("7")) == "patron:7"
