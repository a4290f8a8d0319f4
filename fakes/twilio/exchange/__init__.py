"""The telephone exchange: numbers, calls, callbacks, and the switch."""
