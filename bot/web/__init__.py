"""The HTTP doors: pages, OAuth return, webhook, health."""
