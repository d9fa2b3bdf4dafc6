"""The pure heart: who is entitled to what, and what may be taken away. No clock, no I/O, standard library only."""
