"""What creators and their staff read in Discord: rules, settings, syncs, the doctor, and the reports of the engine.

Sentences only; names in them are escaped by ``explain``. People are mentioned by id, which never pings anybody here.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from bot.core.model import Block, ConditionKind, DiscordUserId, ManualGrant, Policy, Revocable, RoleId
from bot.core.prospect import Effect, Move, Prospect
from bot.texts import explain

NO_CAMPAIGN = "No Patreon campaign is connected to this server. Type /setup first."
NOT_SERVED = (
    "This server is not connected yet. Only whoever runs this bot may connect it: ask them to type /setup here, or to add "
    "the server's id to discord.guild_ids of the configuration."
)
NO_CAMPAIGN_READ = "Patreon has not told me about the campaign yet. Wait a minute, then try again; /doctor says more."
UNKNOWN_CAMPAIGN = "That campaign is not connected to this server. Pick one from the list."
NEEDS_TIER = "Say which tier: pick one from the list that appears while you type."
NEEDS_AMOUNT = "Say how much, for instance 5 or 7.50, in the campaign's currency."
NEEDS_MONTHS = "Say how many months, from 1 to 600."
LONG_GROUP = "A group's name can have at most 40 characters."
BLANK_GROUP = "A group needs a name. To make a rule that competes with no other, leave the group out."
LONG_NOTE = "A reason has 1 to 200 characters."
UNKNOWN_RULE = "There is no such rule any more. /roles list shows those there are."
MANY_RULES = "A server has at most 200 rules."
PAST_EXPIRY = "Days must be from 1 to 3650."
NOT_HELD_BY_HAND = "That role was not given through /patrons grant, so there is nothing to end."
ADOPT_NEEDS_RULE = "No rule gives that role yet. Make one with /roles add first, then adopt its holders."
OUT_OF_RANGE = "That number is out of range: {name} must be from {least} to {most}."

BLOCKED = {
    Block.GONE: "it no longer exists. Remove its rules with /roles remove",
    Block.EVERYONE: "everybody has @everyone already. Pick another role",
    Block.MANAGED: "Discord or another app manages it, so nobody can give it by hand. Pick another role",
    Block.PERMISSION: "I may not manage roles here. Give me the permission “Manage Roles”",
    Block.RANK: "it is not below my own role. In the server settings, under Roles, drag my role above it",
    Block.TWO_FACTOR: (
        "this server requires two-factor authentication for moderation, and the Discord account that owns me has it off. "
        "Its owner can turn it on under User Settings, My Account; or a server admin can lift the requirement under Safety "
        "Setup"
    ),
    Block.REFUSED: "Discord refused. Look at its place and at my permissions",
}
NOT_YOURS = "You may not manage roles in this server. Ask somebody with the permission “Manage Roles”."

_MOST_TITLES = 1000
CANCELLED = "Nothing was changed."
YES_SAVE = "Save"
YES_POWERS = "Save, with these powers"
NO_LEAVE = "Leave as it is"
YES_GO = "Take the role back"
YES_STAY = "Let them keep it"
YES_ADOPT = "Adopt"
YES_REMOVE = "Remove"
NO_RULES = "There are no rules yet. /roles add makes the first one."
NO_GRANTS = "No role was given by hand."
NEXT_PAGE = "More"
EXPORTED = "Here is the list. It names people, so keep it to yourself."
SHADOW_ON = "Shadow mode is on: I only report what I would do."
PAUSED = "Paused: nothing changes until /sync resume."
IF_ROLES_MOVED = "If roles moved here now:"
NOBODY_CHANGES = "Nobody's roles change."
_MOVES_ROOM = 1200
STAFF_CHANNEL_TEST = "Reports and questions come here from now on."
STAFF_CHANNEL_CLOSED = "I may not write in that channel. Let me see it and send messages there, then try again."


def blocked(role: RoleId, name: str | None, block: Block) -> str:
    """Say that a role may not be touched, why, and what to do."""
    return f"I may not give or take {explain.named(name, role)}: {BLOCKED[block]}."


def undone(user: DiscordUserId, role: RoleId, name: str | None, *, given: bool) -> str:
    """Say that something keeps undoing what the bot does to somebody's role, and that the bot stops for now."""
    what = explain.named(name, role)
    if given:
        return (
            f"I gave <@{user}> {what} several times today, and something keeps taking it. I'll leave it for now and try "
            "once more at my daily check. Is another bot or a moderator at it? The server's audit log tells."
        )
    return (
        f"I took {what} from <@{user}> several times today, and it keeps coming back. I'll leave it for now. Is another bot "
        "giving it? The server's audit log tells."
    )


def overruled(user: DiscordUserId, name: str | None, grant: ManualGrant) -> str:
    """Say that a grant by hand ended since somebody took the role in Discord."""
    return (
        f"Someone took {explain.named(name, grant.role)} from <@{user}> in Discord. It had been given by hand (by "
        f"<@{grant.granted_by}>: {explain.plain(grant.note)}), so I ended that grant. To give it again, use /patrons grant."
    )


def not_below_yours(name: str) -> str:
    """Say that a role is out of the asker's reach; it goes by its name where they did not name it themselves."""
    role = f"**{explain.plain(name)}**" if name else "That role"
    return f"{role} is not below your own highest role. Ask somebody who stands above it."


def unknown_tier(typed: str, titles: Sequence[str]) -> str:
    """Say that no tier goes by what somebody typed, and which there are."""
    listed = ", ".join(titles)
    have = f"You have: {explain.cut(listed, _MOST_TITLES)}." if titles else "The campaign has no tiers yet."
    return f"I don't know a tier called “{explain.plain(typed)}”. {have}"


def ambiguous_tier(typed: str) -> str:
    """Say that several tiers go by what somebody typed."""
    return f"More than one tier is called “{explain.plain(typed)}”. Pick yours from the list that appears while you type."


def refused_role(block: Block) -> str:
    """Say why a rule cannot be made for a role."""
    return f"I cannot give that role: {BLOCKED[block]}."


def powers(names: tuple[str, ...]) -> str:
    """Warn of what a role lets its holders do."""
    listed = ", ".join(names)
    return f"⚠️ Whoever gets this role may: {listed}. Everybody the rule holds for gets it without a person looking."


def effect(given: Effect) -> str:
    """Say what happens to whose roles, or what would if roles moved here, and what stays as it is although it would not."""
    moves = [_move(move, "gets", "get") for move in given.gets] + [_move(move, "loses", "lose") for move in given.loses]
    lines = explain.fitted(moves, _MOVES_ROOM) or [NOBODY_CHANGES]
    if moves and state(given):
        lines = [state(given).strip("\n"), IF_ROLES_MOVED, *lines]
    if given.holds:
        lines.append(f"✋ Taking {explain.counted(given.holds, 'role')} is more than your brake allows, so I ask you first.")
    if given.held:
        lines.append(f"✋ {explain.counted(given.held, 'role waits', 'roles wait')} for an answer to /sync approve.")
    if given.kept:
        lines.append(f"{explain.counted(given.kept, 'role stays', 'roles stay')}, as the team answered “keep”.")
    if given.blocked:
        lines.append(f"⚠️ I can't give or take {_listed(_role(role) for role in sorted(given.blocked))}. /doctor says why.")
    return "\n".join(lines)


def _move(move: Move, one: str, several: str) -> str:
    """Say who gets or loses a role: how many, and the first of them."""
    named = [f"<@{user}>" for user in move.named]
    more = [f"{move.people - len(named)} more"] if move.people > len(named) else []
    who = explain.counted(move.people, "person", "people")
    return f"{who} {one if move.people == 1 else several} {_role(move.role)}: {_listed([*named, *more])}"


def _role(role: RoleId) -> str:
    return f"<@&{role}>"


def _listed(parts: Iterable[str]) -> str:
    """Join parts as a sentence does."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def rule_question(line: str, given: Effect, warning: str = "") -> str:
    """Ask before a rule is saved."""
    return "\n".join(part for part in (f"New rule: {line}", warning, effect(given), "Save it?") if part)


def removal_question(line: str, given: Effect, *, last: bool) -> str:
    """Ask before a rule is removed; ``last``: no other rule gives the role, so those who have it may keep it."""
    if not last:
        return f"Remove the rule: {line}?\n{effect(given)}\nOther rules go on giving this role."
    return (
        f"Remove the rule: {line}?\nNo other rule gives this role. If I take it back:\n{effect(given)}\n"
        "If they keep it, I never touch it again."
    )


def rule_saved(number: int, line: str, given: Effect, policy: Policy) -> str:
    """Confirm a rule. ``given`` is what it was said to do."""
    return f"Saved as rule {number}: {line}.{_follows(given, policy)}"


def rule_removed(line: str, given: Effect, policy: Policy, *, stays: bool, last: bool) -> str:
    """Confirm that a rule is gone; ``last`` as in the question."""
    return f"Removed: {line}." + (" Its holders keep the role." if stays else _follows(given, policy, at_once=last))


def _follows(given: Effect, policy: Policy, *, at_once: bool = False) -> str:
    """Say when roles move, or why they do not; ``at_once``: those that end need no word of Patreon's."""
    if not policy.acts:
        return state(policy)
    gives = " I'm giving the new roles now." if given.gets else ""
    if not given.loses:
        return gives
    if given.holds:
        return f"{gives} Before I take any role, I ask you: /sync approve."
    if at_once:
        return f"{gives} I'm taking the role back now."
    return f"{gives} Roles that end go after one more check with Patreon, usually within a minute."


def numbered(number: int, line: str) -> str:
    """Write a rule with its number."""
    return f"`{number}` {line}"


def rule_list_foot(policy: Policy) -> str:
    """Say below a list of rules how they compete and when roles do not move."""
    highest = ", ".join(explain.plain(group) for group in sorted(policy.highest_only) if group)
    return (f"\nOnly the highest rule counts in: {highest}" if highest else "") + state(policy)


def state(here: Policy | Effect | Prospect) -> str:
    """Say why roles do not move; nothing where they do."""
    return "".join(f"\n{line}" for on, line in ((here.paused, PAUSED), (here.shadow, SHADOW_ON)) if on)


def adopt_question(name: str, holders: int, linked: int) -> str:
    """Ask before the holders of a role are taken over."""
    return (
        f"{explain.counted(holders, 'member has', 'members have')} {explain.plain(name)}, {linked} of them linked. "
        "Adopted, the role counts as given by me, so I take it from those who are no longer entitled. Those who are not "
        "linked keep it until they link."
    )


def adopted(count: int) -> str:
    """Confirm."""
    return f"Adopted {explain.counted(count, 'holder')}."


def manual(grant: ManualGrant, names: Mapping[RoleId, str]) -> str:
    """Write one role given by hand."""
    until = f"until {explain.moment(grant.expires_at)}" if grant.expires_at else "for good"
    role = explain.named(names.get(grant.role), grant.role)
    return f"<@{grant.user}>: {role} {until}, by <@{grant.granted_by}>: {explain.plain(grant.note)}"


def granted(grant: ManualGrant, names: Mapping[RoleId, str], policy: Policy) -> str:
    """Confirm a role given by hand."""
    return f"{'Noted' if state(policy) else 'Given'}. {manual(grant, names)}{state(policy)}"


def ungranted(user: DiscordUserId, role: RoleId, names: Mapping[RoleId, str], policy: Policy) -> str:
    """Confirm that a role given by hand has ended."""
    return f"Ended. <@{user}> keeps {explain.named(names.get(role), role)} only if a rule gives it.{state(policy)}"


SETTING_NAMES = {
    "declined_grace": "grace after a declined payment",
    "keep_paid_through": "cancelled patrons keep what they paid for",
    "count_pending": "a first payment under way counts",
    "count_trials": "free trials count",
    "count_gifts": "gifted memberships count",
    "count_refunded": "refunded memberships count while Patreon lists them",
    "highest_only": "groups in which only the highest rule counts",
    "revocable": "roles that may be taken",
    "restore_drift": "give back a role a moderator took by hand",
    "wait_for_rules": "give roles only once the server's rules are accepted",
    "shadow": "shadow mode (report only)",
    "paused": "paused",
    "brake_percent": "brake: share of the people with roles from me",
    "brake_count": "brake: number of people",
}


def setting(value: object) -> str:
    """Write a setting's value."""
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return explain.days(value)
        case frozenset():
            return ", ".join(sorted(explain.plain(str(group)) for group in value if group)) or "none"
        case Revocable.GRANTED:
            return "only those I gave"
        case Revocable.MANAGED:
            return "every role a rule names, of linked people"
        case _:
            return str(value)


def _valued(key: str, policy: Policy) -> str:
    return setting(getattr(policy, key)) + (" %" if key == "brake_percent" else "")


def settings(policy: Policy, staff_channel: int | None) -> str:
    """List all settings."""
    channel = f"<#{staff_channel}>" if staff_channel else "none; set one with /settings staff_channel"
    lines = [f"{name}: **{_valued(key, policy)}**" for key, name in SETTING_NAMES.items()]
    return "\n".join([*lines, f"staff channel: {channel}"])


def settings_question(before: Policy, after: Policy, given: Effect, *, channel: int | None = None) -> str:
    """Ask before settings are saved, naming what changes."""
    changed = [
        f"{name}: {_valued(key, before)} → **{_valued(key, after)}**"
        for key, name in SETTING_NAMES.items()
        if getattr(before, key) != getattr(after, key)
    ]
    changed += [f"staff channel: <#{channel}>"] if channel else []
    return "\n".join([*changed, effect(given), "Save?"])


CONDITIONS = {
    ConditionKind.TIER: "on a tier",
    ConditionKind.AMOUNT: "gives at least an amount, a month or per creation",
    ConditionKind.LIFETIME: "has given at least an amount in all",
    ConditionKind.MONTHS: "first pledged at least some months ago",
    ConditionKind.MONTHS_IN_A_ROW: "a patron for at least some months in a row",
    ConditionKind.PAYING: "any paying patron",
    ConditionKind.FREE: "a free member",
    ConditionKind.GIFT_OR_TRIAL: "a gifted or trial member",
    ConditionKind.FORMER: "a former patron",
}


def preview(given: Effect) -> str:
    """Say what is left to do in a server."""
    if given.gets or given.loses:
        return effect(given)
    left = given.held or given.kept or given.blocked
    return (effect(given) if left else "Everybody has the roles the rules give.") + state(given)


def unused_options(options: Sequence[str], kind: ConditionKind) -> str:
    """Say which options of a rule mean nothing beside its condition, and what to do."""
    named = " and ".join(f"“{option}”" for option in options)
    return (
        f"A rule for “{CONDITIONS[kind]}” doesn't use {named}, so I made no rule. Leave {named} out, or choose another "
        "“when”. To ask for several things, make a rule for each."
    )


BY_HAND = "by_hand"
LISTS = {
    "everybody": "everybody linked",
    "paying": "entitled now",
    "declined": "payment declined",
    "leaving": "cancelled, but still entitled",
    "lapsed": "former patrons",
    "broken": "link broken",
    BY_HAND: "roles given by hand",
}

STACKING = {"all": "all rules that hold", "highest": "only the highest rule"}
STACKING_NEEDS_BOTH = "Name both: the group, and whether all of its rules count or only the highest."

STATUSES = {"active": "active", "declined": "payment declined", "former": "cancelled", "none": "free member"}
