"""Earlier majors of deepgram-sdk, each in an environment of its own."""
