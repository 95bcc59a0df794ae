"""What panels show, as plain numbers: no widget, no Qt, tested alone."""
