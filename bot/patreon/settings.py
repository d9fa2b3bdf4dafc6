"""What a client of Patreon has to know about its own registration. Values only; the configuration fills them in."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PatreonSettings:
    """One registered client of Patreon's and where Patreon is.

    ``site_url`` carries ``/oauth2/authorize``; ``api_url`` carries ``/oauth2/token``, ``/oauth2/api`` (v1) and
    ``/oauth2/v2``.
    """

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    api_version: int = 2
    site_url: str = "https://www.patreon.com"
    api_url: str = "https://www.patreon.com/api"
    # Without a User-Agent Patreon answers 403 (its developer forum, topic 2213).
    user_agent: str = "patron-roles/0.1 (Discord roles for patrons)"
