"""The published study of 2021: its tables, its files, and its trials rebuilt."""
