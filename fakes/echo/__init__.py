"""The echo agent: needs no provider, and says back what the caller said.

For a load run that is about the phone and the machine, as SIPp's built-in answering
scenario is: ``locust -f loadtests --agent echo``, or ``python -m fakes.echo``.
"""

from fakes.echo.call import EchoCall

__all__ = ["EchoCall"]
