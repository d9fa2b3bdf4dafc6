"""Tests of the use cases of creators."""
