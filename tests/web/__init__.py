"""Tests of the web doors over real sockets."""
