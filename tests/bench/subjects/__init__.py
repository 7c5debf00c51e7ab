"""The programs that are measured, one process each: `python -m tests.bench.subjects.<name> JOB`, JOB being a Job as JSON."""
