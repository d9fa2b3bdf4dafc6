"""Tests of the pure core: values and properties."""
