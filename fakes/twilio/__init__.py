"""A fake Twilio that rings an agent and is its caller.

Pure cores: ``signature``, ``webhook``, ``twiml``, ``playout``, ``stream`` and
``caller``. Thin drivers: ``dial`` and ``line``. ``phone`` puts them together;
start there.
"""
