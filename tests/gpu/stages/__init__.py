"""The stages of the check on a GPU, one a file; `plan.py` lists them in the order of what is worth most."""
