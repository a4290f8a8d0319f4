"""Speech, by request and by socket: ``/v1/speak`` and ``/v2/speak``."""
