"""What has to exist in an ERP for a contract, and what is the next call towards it. Pure."""
