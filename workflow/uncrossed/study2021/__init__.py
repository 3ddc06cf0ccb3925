"""The published study of 2021: its tables and its files."""
