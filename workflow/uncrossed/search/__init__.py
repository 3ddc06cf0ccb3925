"""The search for hyperparameters: what it suggests, and how it went. What is searched for a study says."""
