"""What one model call costs the worker, beside the bare SDK and others on the same stand-in for a provider."""
