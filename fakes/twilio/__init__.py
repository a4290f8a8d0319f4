"""A fake Twilio that rings an agent and is its caller.

Pure cores: ``signature``, ``webhook``, ``twiml``, ``playout``, ``stream`` and
``caller``. Thin drivers: ``dial`` and ``line``. ``phone`` puts them together;
start there.

``exchange`` (pure) and ``switch`` (driver) are the telephone exchange behind the REST
interface in ``rest``: they place calls to people whom an agent wants to reach.
"""
