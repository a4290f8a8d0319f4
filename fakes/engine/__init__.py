"""The media engine: many phone calls on one event loop, in a process of its own.

A load generator that shares its process with a web page cannot hold 20 ms frames, so
the calls live in a child process. ``python -m fakes.engine`` reads commands as JSON
lines and writes reports the same way (:mod:`fakes.engine.commands`);
:class:`fakes.engine.link.EngineProcess` is the parent's end, for threads and gevent.
"""
