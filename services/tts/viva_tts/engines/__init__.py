"""What makes the speech; each engine is one file, imported only when it is chosen."""
