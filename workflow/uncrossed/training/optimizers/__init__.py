"""Optimizers: one file each, with both frameworks' own of that name and how each imitates the other's.

A file has `TOUCHING`, the mechanisms in which the two differ, and `SLOTS`, the names of the arrays that it keeps for
each weight. For each framework it has a function that makes it, one that reads its slots and one that sets them.
"""
