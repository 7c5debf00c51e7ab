"""What every sandbox has: a journal, a store of objects, a log of the calls, faults on order, one way to start."""
