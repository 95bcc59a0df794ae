"""Damaged and hostile input of every kind, drawn from a seed, against the program as users run it.

`python -m tests.fuzz sessions --seed 7 --count 2000` makes 2 000 session files that nobody should have made and runs
`info`, every export, a screenshot and a walk through the panels on each; `checkpoints`, `templates`, `gguf` and
`requests` do the same with what a model folder, a GGUF file and a file of requests may hold. A case is a process of its
own, forked from one that has everything imported. It must end by itself within ten seconds a command, within a gigabyte
(or twice its input), with exit status 0 or 2, without a traceback, and with one sentence where it refuses.

What a search finds becomes a test of its own beside the code that was wrong, or a recipe in `found/`.
"""
