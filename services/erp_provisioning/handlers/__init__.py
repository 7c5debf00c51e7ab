"""What arrives at erp_provisioning, each with the decision that follows."""
