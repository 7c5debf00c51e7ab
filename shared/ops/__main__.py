"""`python -m shared.ops` is `throughline`."""

from shared.ops.cli import main

main()
