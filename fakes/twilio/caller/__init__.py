"""Who is on the line: scripts, persons, and what they hear."""
