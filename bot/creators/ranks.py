"""Law 10: a creator cannot hand out, nor take away, what they could not by hand. Pure; the cogs say who stands where."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.model import Block
from bot.errors import RuleRefused
from bot.texts import staff as texts


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. ``top`` is the position of their highest role; a guild's owner stands above every role.

    ``may_manage``: they have "Manage Roles" in the guild. A command can be open to others: Discord lets a server choose
    who sees it, and a channel may allow what the guild does not.
    """

    top: int
    may_manage: bool = False
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A role somebody wants to hand out. ``block`` is why the bot cannot; ``powers`` are its dangerous permissions."""

    position: int
    block: Block | None = None
    powers: tuple[str, ...] = ()


def check(candidate: Candidate, asker: Asker) -> None:
    """Raise RuleRefused, with what to do, unless the asker and the bot could both give the role by hand."""
    if candidate.block is not None:
        raise RuleRefused(texts.refused_role(candidate.block))
    check_above([("", candidate.position)], asker)


def check_above(roles: Iterable[tuple[str, int]], asker: Asker) -> None:
    """Raise RuleRefused unless the asker could give and take these roles, each with its name and position."""
    if asker.owner:
        return
    if not asker.may_manage:
        raise RuleRefused(texts.NOT_YOURS)
    for name, position in roles:
        if position >= asker.top:
            raise RuleRefused(texts.not_below_yours(name))
