"""Visibility: where every contract is, what it waits for, and what that costs."""
