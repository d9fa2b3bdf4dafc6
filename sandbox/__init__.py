"""A Patreon and a Discord that run here, for the demo and the tests; the product never imports them."""
