"""What a study needs to be published, and the upload."""
