"""The REST interface of the fake Twilio: https://www.twilio.com/docs/voice/api.

Pure: ``errors``, ``access``, ``paging``, ``resources``, ``call_parameters`` and
``desk``, which answers one request. ``server`` has the socket.
"""
