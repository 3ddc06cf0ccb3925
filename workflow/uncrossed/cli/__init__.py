"""The command line, one file per group of commands: the grammar of each beside the function that runs it.

`main` joins them. Words in, words out: what computes lies in the other rooms.
"""
