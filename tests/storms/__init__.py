"""Storms: the program is killed, or asked to end, at random moments. `python -m tests.storms kills|signals`."""
