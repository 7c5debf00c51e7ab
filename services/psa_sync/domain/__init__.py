"""The set-up of a contract in the PSA: what shall be there, what is there, and the next call between the two."""
