"""What every room uses: errors, checked records, files, files far away, the environment of a process."""
