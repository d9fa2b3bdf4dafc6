"""A Patreon: OAuth, v1, v2, webhooks, faults."""
