"""The search for hyperparameters: what it suggests, and how it went."""
