"""Patreon's two dialects behind one model; only client.py touches the network."""
