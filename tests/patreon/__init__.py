"""Tests of the Patreon client and both dialects."""
