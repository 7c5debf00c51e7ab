"""Deciders: what each topic's record means for the projection and for a contract's status."""
