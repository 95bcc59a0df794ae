"""The numbers and texts that panels show, without widgets, so that they can be tested alone."""
