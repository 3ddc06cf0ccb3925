"""A folder of results: trial files, tables, and whether they are what they should be."""
