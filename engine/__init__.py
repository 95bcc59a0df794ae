"""The engine: a decoder that generates text step by step and measures every step. Imports no Qt and nothing of `app`.

The parts that the app needs (`core.settings`, `session`, `export`, `host.process`, `errors`) import no torch.
"""
