"""Validates contracts against master data: accounts, legal entity, ERP tenant, resource codes, tax."""
