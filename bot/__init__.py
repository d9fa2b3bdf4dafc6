"""The product: keeps Discord roles equal to what patrons give on Patreon. Tour: ``docs/design.md``."""
