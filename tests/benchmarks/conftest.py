"""Benchmarks are run by hand, never collected: no test reads the clock."""

collect_ignore_glob = ["*.py"]
