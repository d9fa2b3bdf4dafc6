"""Discord plug-ins of the bot, loaded by name: read the interaction, call a use case, show a text."""
