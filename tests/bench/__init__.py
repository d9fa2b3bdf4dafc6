"""Tests of the benchmarks: what they count, at small sizes."""
