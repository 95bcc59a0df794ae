"""Processes that have everything imported and are forked for each case: importing torch takes longer than most cases.

What is under test runs as ever; only how its process and its engine's process came about is another.
"""
