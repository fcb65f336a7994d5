"""HTML reports: one file each, which opens without a network and prints."""
