"""Benchmarks: Throughline and its peers, interleaved in one run. Nothing here is a test; no time is ever asserted."""
