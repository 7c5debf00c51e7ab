"""The demo: a firm of our own invention, its contracts, and what goes wrong with them on an ordinary day."""
