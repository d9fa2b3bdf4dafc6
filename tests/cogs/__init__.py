"""Tests of the commands, through an unmodified discord.py."""
