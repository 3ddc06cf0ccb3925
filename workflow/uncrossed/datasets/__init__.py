"""Datasets: their sources, and the one file that each becomes."""
