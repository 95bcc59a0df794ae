"""The application: window, panels and command line. Imports no torch; the engine runs in a process of its own."""
