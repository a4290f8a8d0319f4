"""Media streams in both forms, playout, bad paths, recordings."""
