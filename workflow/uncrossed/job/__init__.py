"""One training as a process: its state on disk, its end, and what a killed one leaves."""
