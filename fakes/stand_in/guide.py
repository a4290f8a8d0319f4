"""How to lead an agent here, in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fakes.addresses import Addresses
from fakes.stand_in.environment import CANARIES, trust_environment

__all__ = ["compose", "guide"]

_GUIDE = """\
Standing in for {some} and others, on {s.tls} with TLS.

1. Where the kernel allows namespaces (Linux; no root needed): nothing to set up.
     python -m fakes.stand_in -- node agent.js
   The agent sees a hosts file of its own and no other host; what it listens on is
   opened here under the same port. The suite and the load test do it for you:
     pytest conformance/agent --stand-in --agent-command 'node agent.js --port {{port}}'
     locust -f loadtests --stand-in --agent-command 'node agent.js --port {{port}}'

2. For clients that take a proxy (curl, httpx, requests, Python's websockets; aiohttp
   with trust_env; Node from 22.21 with NODE_USE_ENV_PROXY=1; Go), in its environment:
     export HTTPS_PROXY={s.proxy} NO_PROXY=localhost,127.0.0.1
   Hosts that nobody stands in for are refused there, but an agent may go past a proxy.

3. In containers, with network aliases:
     python -m fakes --compose > compose.yaml

The certificates are signed by a throwaway authority, which is installed nowhere. With 2
and 3, what makes the usual runtimes trust it, and it alone:
{trust}
  Java:   keytool -importcert -noprompt -alias busyhour -storepass changeit \\
            -file {s.authority} -keystore busyhour.p12
          JAVA_TOOL_OPTIONS='-Djavax.net.ssl.trustStore=busyhour.p12
            -Djavax.net.ssl.trustStorePassword=changeit'
  Go:     SSL_CERT_FILE as above, on Linux; elsewhere RootCAs of the client's tls.Config
  Rust:   SSL_CERT_FILE where rustls-native-certs or OpenSSL is used; not webpki-roots

Who came and was not served:
  curl -s {a.control}/__fakes/stand-in
"""

_COMPOSE = """\
# The agent finds the fakes under the providers' own names; `internal` keeps it from the
# rest of the world. The phone is run beside the fakes, where the agent is `agent`:
#   docker compose up -d
#   docker compose exec fakes pytest conformance/agent --agent http://agent:8080/voice
services:
  fakes:
    image: python:3.13-slim
    working_dir: /busyhour
    volumes:
      - ./busyhour:/busyhour                # a clone of this project
      - {folder}:/cache/stand-in
    environment:
      BUSYHOUR_CACHE: /cache
    command: >
      sh -c "pip install -q -e '.[test]' &&
      exec python -m fakes --stand-in --stand-in-address 0.0.0.0 --stand-in-port 443"
    networks:
      setup: {{}}
      calls:
        aliases:
{aliases}
  agent:
    image: your-agent                       # its webhook listens on 8080
    volumes:
      - {authority}:/authority.pem:ro
    environment:
{environment}
    networks: [calls]
    depends_on: [fakes]
networks:
  setup: {{}}                                 # by which the fakes install themselves
  calls:
    internal: true
"""


def compose(authority: Path, hosts: Iterable[str]) -> str:
    """Return a container-compose file in which the hosts are aliases of the fakes.

    Args:
        authority: file with the certificate that the agent is to trust.
        hosts: names that are stood in for.
    """
    trust = {**trust_environment("/authority.pem"), **CANARIES}
    return _COMPOSE.format(
        folder=authority.parent,
        authority=authority,
        aliases="\n".join(f"          - {host}" for host in hosts),
        environment="\n".join(
            f"      {name}: {value}" for name, value in trust.items()
        ),
    )


def guide(addresses: Addresses) -> str:
    """Return how to lead an agent to the fakes that stand in."""
    assert addresses.stand_in is not None
    trust = trust_environment(addresses.stand_in.authority)
    lines = "\n".join(f"  export {name}={value}" for name, value in trust.items())
    return _GUIDE.format(
        a=addresses,
        s=addresses.stand_in,
        some="api.deepgram.com, api.twilio.com, api.openai.com",
        trust=lines,
    )
