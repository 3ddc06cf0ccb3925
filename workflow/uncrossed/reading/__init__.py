"""What a user of the dataset imports: a study opened in a folder or over the network."""
