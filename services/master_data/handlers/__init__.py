"""What master_data decides on each record: facts are kept, contracts are measured against them."""
