"""Breaks a whole running Throughline on purpose, and has a checker that does not trust it say what held."""
