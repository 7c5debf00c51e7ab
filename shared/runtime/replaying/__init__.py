"""Decides once more on what a service decided before, into a schema beside its own, and tells the difference. Sends and publishes nothing."""
