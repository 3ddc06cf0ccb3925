"""What decides a result's bits, and nothing else."""
