"""What TwiML makes of a call, verb by verb, in virtual time."""
