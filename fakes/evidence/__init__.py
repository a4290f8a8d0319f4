"""What a run leaves behind for a person: its calls, its waterfall, its page."""
