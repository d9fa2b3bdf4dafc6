"""The engine: turns stored nudges into roles."""
