"""The engine: a decoder that generates text step by step and measures every step. Imports no Qt and nothing of `app`.

What the app needs (`decode.settings`, `session`, `export`, `host.process`, `errors`) imports no torch.
"""
