"""A search for faults: random runs of the engine, each checked from end to end, each repeatable by its number.

    python -m tests.search --seed 7 --count 3000          # look; every failing case prints the line that repeats it
    python -m tests.search --seed 7 --case 41 --verbose   # one case again, with what it was

A case (`drawing.py`) is a model of one of several families, some requests with their own sampling, stops, end-of-text
and arrivals, switches, a plan of switches that flip on the way, and commands as the window sends them. It runs through
the service that the engine process runs (`running.py`), by a clock that only counts, so that a case is the same each
time. What comes out is checked (`checking.py` and the files beside it) against each request's solo run, the definitions
of positions, memory and blocks, and against itself read back from a session file.

What is promised of tokens:

- a greedy request gives the tokens of its solo run, whatever is switched at whatever step;
- a sampled request gives the tokens of its solo run under the same speculation (`off`, or the same proposer and k):
  it draws from a stream of its own, and so do its drafts;
- where speculation is switched on the way, a sampled request keeps the tokens of its solo run up to that step and
  follows the target's distribution from there: the test of a draft uses other numbers than a plain draw. So each
  token then has to be one that the target could give.

Sums in another order round differently: a token that the target finds as likely as another one, within that rounding,
may be either. Such a request is not compared further (`TIE`).
"""
