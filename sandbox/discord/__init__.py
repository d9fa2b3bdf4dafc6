"""A Discord: REST, gateway, interactions."""
