"""What /metrics counts. The numbers are kept here, in a registry of their own; the parts only say what happened.

Nothing here reads the store or knows the engine: gauges that come from rows are set by whoever reads the rows.
Labels are words from short lists, never an id, so that the page stays small and says nothing about anybody.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
"""The Content-Type of the page, charset included."""


class Metrics:
    """The numbers of one process; one instance for each ``open_app``, so that tests and the demo do not share any."""

    def __init__(self) -> None:
        """Start every number at nothing."""
        self.registry = CollectorRegistry()
        self.webhooks = Counter(
            "patron_roles_webhooks", "Webhooks received from Patreon", ["outcome"], registry=self.registry
        )
        self.links = Counter("patron_roles_link_steps", "Steps of linking, by outcome", ["outcome"], registry=self.registry)
        self.role_changes = Counter(
            "patron_roles_role_changes", "Roles changed at Discord", ["action"], registry=self.registry
        )
        self.reports = Counter("patron_roles_reports", "What the engine reported", ["kind"], registry=self.registry)
        self.pending = Gauge("patron_roles_nudges_pending", "Rows that wait for the engine", registry=self.registry)
        self.linked = Gauge("patron_roles_links", "Linked people", registry=self.registry)
        self.refreshed_at = Gauge(
            "patron_roles_refreshed_timestamp_seconds", "When the campaign was last read to its end", registry=self.registry
        )

    def render(self) -> bytes:
        """Give the page in Prometheus' text format."""
        return generate_latest(self.registry)
