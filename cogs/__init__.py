"""The bot's plug-ins, loaded by name: each parses the interaction, calls a use case, shows a text, and decides nothing."""
