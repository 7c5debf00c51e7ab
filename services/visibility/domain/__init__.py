"""What visibility knows without asking anyone: where a contract is (`status`), and how fast contracts move (`pace`)."""
