"""Journeys of patrons and creators through the whole bot."""
