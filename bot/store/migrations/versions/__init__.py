"""One file a change; each is applied once, in the order of their ``down_revision``."""
