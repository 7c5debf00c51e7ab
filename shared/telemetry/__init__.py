"""What a running service tells about itself: logs, traces and metrics."""
