"""Serving engines of others as sources: our own streamed requests, their counters and events, a recorder in vLLM."""
