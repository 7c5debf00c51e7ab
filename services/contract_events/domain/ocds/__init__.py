"""How publications in the Open Contracting Data Standard become contracts, change orders, accounts and mappings. Pure."""
