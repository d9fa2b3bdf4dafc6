"""Patreon's two dialects behind one model; only the transport touches the network.

Read ``client`` first: it is all that the rest of the bot uses, besides ``webhook``.
"""
