"""What creators and their staff read of syncs, of the brake and of the doctor; and the reports of the engine.

Sentences only. People are mentioned by id, which never pings anybody here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.model import Campaign, CampaignId, DiscordUserId, Policy, RoleId
from bot.core.prospect import Effect
from bot.texts import explain
from bot.texts.staff import effect, state

NOTHING_HELD = "The brake holds nothing here."
UNKNOWN_RUN = "That question is settled already."
APPROVE = "Take these roles"
REJECT = "Keep these roles"
NOT_PAUSED = "Nothing is paused here."
RESUME = "Resume"
STAY_PAUSED = "Stay paused"
PAUSED_NOW = "Paused. Nobody gets or loses a role here until /sync resume."
STARTED = "Reading the campaign now. This message follows."
BY_PATRONS = (
    "The campaign's list cannot be read now, so each patron is asked in turn, with their own permission; that takes a "
    "whole interval. /doctor says what to mend."
)
USER_ASKED = "Looking at <@{user}> now. This message follows."
USER_WAITS = (
    "Patreon gives no usable answer about <@{user}> now. Nothing was changed; I go on asking, and this message follows."
)
NOT_LINKED = "<@{user}> has not linked a Patreon account, so there is nothing to ask Patreon. They can type /link."
WEBHOOK_UNPAUSED = (
    "⚠️ Patreon had paused its webhook, since it could not reach me. I started it again, and it sends what it kept. "
    "Whoever runs me should look why the public address was out of reach."
)
PATREON_BACK = "Patreon answers again. Syncs go on as usual."


def resume_question(given: Effect) -> str:
    """Ask before roles move again, saying what follows at once."""
    return f"Let roles change again?\n{effect(given)}"


def resumed(policy: Policy) -> str:
    """Confirm that a pause has ended."""
    return "Resumed. " + (state(policy).strip("\n") or "I'm catching up on what was waiting.")


def brake_question(run: int, held: Sequence[tuple[DiscordUserId, RoleId]], names: Mapping[RoleId, str]) -> str:
    """Ask the staff whether ``held`` revocations shall happen; the first of them are named."""
    ask = (
        f"✋ Sync {run} would take {explain.counted(len(held), 'role')}, more than your brake allows. Nothing was taken. "
        "If this looks like trouble at Patreon, keep them."
    )
    lines = [f"<@{user}>: {explain.named(names.get(role), role)}" for user, role in held]
    return "\n".join([ask, *explain.fitted(lines, explain.LIMIT - len(ask) - 1)])


def brake_answered(run: int, by: DiscordUserId, *, approved: bool) -> str:
    """Say how the question was settled."""
    verdict = "will be taken" if approved else "stay"
    return f"Sync {run}: the held roles {verdict}, says <@{by}>."


def brake_moved(run: int) -> str:
    """Say that a question stands in another channel now."""
    return f"Sync {run}: I asked this again in the staff channel."


def brake_over(run: int) -> str:
    """Say that nothing is left to decide."""
    return f"Sync {run}: nothing is held any more."


def creator_token(*, broken: bool, expires_at: datetime) -> str:
    """Warn that the pair which reads the campaign fails."""
    if broken:
        return (
            "⚠️ Patreon no longer accepts the creator's token. Roles stay as they are, but news is missed. Make a new token "
            "on Patreon's page for developers, put it into the configuration and start me again."
        )
    return f"⚠️ The creator's token could not be renewed; it ends {explain.moment(expires_at)}. I go on trying."


VERSION_1_GONE = "version 1 of Patreon's API is switched off"
PATREON_ASKS_TO_WAIT = "Patreon asks me to wait"


def patreon_gone(since: datetime, why: str | None) -> str:
    """Say that Patreon is away, and what ``why`` means where that tells people more."""
    if why == PATREON_ASKS_TO_WAIT:
        return (
            f"⚠️ Patreon is rate-limiting me: I haven't been able to read memberships since {explain.moment(since)}, and it "
            "asked me to wait. Nobody loses a role because of it, and I'll continue as soon as Patreon lets me."
        )
    if why == VERSION_1_GONE:
        return (
            f"⚠️ Since {explain.moment(since)} Patreon answers nothing to version 1 of its API any more. Nobody loses a role "
            "because of it, but news is missed. Whoever runs me has to set PATREON_API_VERSION=2 and start me again."
        )
    return (
        f"⚠️ Patreon gives no usable answer since {explain.moment(since)}. Nobody loses a role because of it; I go on asking."
    )


def stuck(attempts: int, *, user: DiscordUserId | None, campaign: Campaign | None) -> str:
    """Say that something fails again and again: somebody's sync, the refresh of a campaign, or work on the server itself."""
    what = f"<@{user}>" if user else f"**{explain.campaign_name(campaign.name)}**" if campaign else "This server"
    return (
        f"⚠️ {what} could not be synced {explain.counted(attempts, 'time')} in a row. I go on trying; /doctor may know why. "
        "Of others that fail within the hour nothing is said here."
    )


def ended(read: int, *, granted: int, revoked: int, held: int, failed: int, error: str | None) -> str:
    """Tell the end of a sync."""
    if error:
        return f"The sync counts for nothing ({explain.plain(error)}). No role was touched; it is tried again by itself."
    did = f" It gives {granted}, takes {revoked}, holds {held}." if granted or revoked or held else ""
    tail = f" {failed} could not be looked at." if failed else ""
    return f"Read {explain.counted(read, 'membership')}.{did}{tail}"


def everybody(lines: Mapping[CampaignId, str], campaigns: Mapping[CampaignId, Campaign], policy: Policy) -> str:
    """Tell how the sync of everybody goes; campaigns are named where there are several."""
    told = [
        f"**{explain.campaign_name(campaigns[key].name)}**: {line}" if len(campaigns) > 1 else line
        for key, line in lines.items()
    ]
    return "\n".join(told) + state(policy)


def progress(read: int, total: int | None) -> str:
    """Tell how far a sync is."""
    so_far = f"{read} of {explain.counted(total, 'membership')}" if total else explain.counted(read, "membership")
    return f"Reading the campaign: {so_far}."


def campaign_status(name: str, refreshed_at: datetime | None, total: int | None, frozen_why: str | None) -> str:
    """Say where the refresh of a campaign stands."""
    read = (
        f"read {explain.ago(refreshed_at)}, {explain.counted(total or 0, 'membership')}" if refreshed_at else "not read yet"
    )
    frozen = f"\n⚠️ Its answers count against nobody now: {explain.plain(frozen_why)}" if frozen_why else ""
    return f"**{explain.campaign_name(name)}**: {read}{frozen}"


def status(campaigns: list[str], audited_at: datetime | None, waiting: int, held: int, policy: Policy) -> str:
    """Say where things stand in a guild."""
    members = f"Members looked at {explain.ago(audited_at)}." if audited_at else "Members are not read yet."
    queue = f"{explain.counted(waiting, 'look', 'looks')} in the queue." if waiting else "Nothing in the queue."
    brake = f"\n✋ The brake holds {explain.counted(held, 'role')}; see /sync approve." if held else ""
    return "\n".join([*campaigns, f"{members} {queue}"]) + brake + state(policy)


def finding(*, good: bool, text: str) -> str:
    """Write one line of the doctor."""
    return f"{'✅' if good else '❌'} {text}"


def reads_campaign(name: str, tiers: int, refreshed_at: datetime | None) -> str:
    """Say that a campaign is read."""
    when = f"read {explain.ago(refreshed_at)}" if refreshed_at else "not read yet; it takes a minute after the start"
    return f"**{explain.campaign_name(name)}** with {explain.counted(tiers, 'tier')}, {when}"


def token_fine(expires_at: datetime) -> str:
    """Say how long the creator's pair is good."""
    return f"The creator's token is good until {explain.moment(expires_at)} and is renewed before"


NO_PAIR = "There is no creator's token. Put a new one into the configuration and start me again"
PAIR_BROKEN = "Patreon refuses the creator's token. Make a new one on Patreon's page for developers, then start me again"
WEBHOOK_NONE = "No webhook is registered through me; news from Patreon comes with the next regular read at the latest"
WEBHOOK_PAUSED = "Patreon paused its webhook, since it could not deliver. Is the public address right?"
PERMISSION_FINE = "I may manage roles"
PERMISSION_MISSING = "I may not manage roles. Give me the permission “Manage Roles”"
TWO_FACTOR_FINE = "This server requires two-factor authentication for moderation, and the account that owns me has it on"
TWO_FACTOR_MISSING = (
    "This server requires two-factor authentication for moderation, and Discord tells me that the account that owns me has "
    "it off, so I can't give or take roles. Whoever runs me can turn it on (User Settings, My Account)"
)
CHANNEL_NONE = "There is no staff channel"
CHANNEL_CLOSED = "I can't write in the staff channel"
_TO_OWNER = "so my questions and warnings go to the server's owner as direct messages. Choose a channel with /settings"
_TO_NOBODY = (
    "and the owner doesn't accept direct messages from me, so my questions and warnings reach nobody. "
    "Choose a channel with /settings"
)
OWNER_UNREACHED = (
    "⚠️ I had something to tell this server's team, but there is no channel I can write in, and the owner doesn't accept "
    "direct messages from me. Choose a staff channel with /settings; /doctor shows what needs you."
)
RULES_NONE = "No rules yet. Make one with /roles add"
ROLES_FINE = "Every role of a rule is below mine"


def webhook_fine(received_at: datetime | None) -> str:
    """Say when Patreon called last."""
    return (
        f"Patreon's webhook works, last heard {explain.ago(received_at)}"
        if received_at
        else "Patreon's webhook is registered"
    )


def clock_wrong(ahead: timedelta) -> str:
    """Say that the machine's clock cannot be followed."""
    return f"The clock of my machine is {explain.off_by(ahead)} Patreon's. I go by Patreon's; please have it set right"


def clock_jumped(at: datetime) -> str:
    """Say that the clock jumped a while ago."""
    return (
        f"The clock of my machine jumped; I noticed {explain.ago(at)} and looked at everybody again. "
        "If it happens again, have its time kept by NTP"
    )


def channel_missing(why: str, *, owner: bool) -> str:
    """Say why nothing goes to a staff channel (one of the two above), and whether it reaches the ``owner`` instead."""
    return f"{why}, {_TO_OWNER if owner else _TO_NOBODY}"


def to_owner(guild: str, text: str) -> str:
    """Say in a direct message which server it is about, and why it comes to its owner."""
    head = f"**{explain.plain(guild)}** has no staff channel I can write in, so I'm telling you as its owner:\n"
    return head + explain.cut(text, explain.LIMIT - len(head))


def channel_fine(channel: int) -> str:
    """Name the staff channel."""
    return f"Staff channel: <#{channel}>"


def lost_tier(line: str) -> str:
    """Name a rule whose tier is gone."""
    return f"The tier of this rule is gone at Patreon: {line}. Remove it with /roles remove"


def unreached(name: str, unlinked: int, no_tier: int) -> str:
    """Name those the rules cannot reach."""
    return f"{explain.campaign_name(name)}: {unlinked} entitled without a link, {no_tier} entitled without a tier"


def setup(campaign: str, tiers: int, findings: list[str]) -> str:
    """Guide through the first steps."""
    head = f"### Set-up for {explain.campaign_name(campaign)} ({explain.counted(tiers, 'tier')})"
    return "\n".join([head, *explain.fitted(findings, explain.LIMIT - len(head) - sum(map(len, _STEPS)) - 8), *_STEPS])


_STEPS = (
    "**1.** Pick a staff channel below: my questions and warnings go there.",
    "**2.** Pick a tier and its role, then press “Make this rule”. /roles add knows more conditions.",
    "**3.** Tell your patrons to type /link. /doctor looks over everything at any time.",
)
SETUP_CHANNEL = "Staff channel"
SETUP_TIER = "A tier of your campaign"
SETUP_ROLE = "The role it gives"
SETUP_RULE = "Make this rule"
SETUP_PICK_BOTH = "Pick a tier and a role first."
