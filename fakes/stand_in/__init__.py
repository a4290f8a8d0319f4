"""Standing in for the providers' own hosts, so that unmodified agents find the fakes.

:mod:`~fakes.stand_in.hosts` says whose host is whose, :mod:`~fakes.stand_in.front`
speaks TLS for them, :mod:`~fakes.stand_in.proxy` leads clients that take a proxy here,
and ``python -m fakes.stand_in -- COMMAND`` runs an agent where no other host exists.
"""
