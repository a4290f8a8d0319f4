"""Clients of other runtimes, kept to themselves: names lead here, and they trust it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.processes import WorldProcess
from fakes.stand_in.environment import agent_environment

pytestmark = pytest.mark.judged(
    "Standing in for the providers' hosts", by="Node, Java, Go"
)

NODE = Path(__file__).parents[1] / "plain_agents" / "node"
MODELS = "https://api.openai.com/v1/models"
FETCH = f"""
const answer = await fetch("{MODELS}");
console.log((await answer.json()).object);
"""
AXIOS = f"""
import axios from "axios";
console.log((await axios.get("{MODELS}")).data.object);
"""
WS = """
import WebSocket from "ws";
const socket = new WebSocket("wss://api.deepgram.com/v1/listen?encoding=mulaw&sample_rate=8000");
socket.on("open", () => socket.send('{"type":"CloseStream"}'));
socket.on("message", (data) => console.log(JSON.parse(data).type));
"""
JAVA = f"""
import java.net.URI;
import java.net.http.*;
public class Asks {{
  public static void main(String[] none) throws Exception {{
    var request = HttpRequest.newBuilder(URI.create("{MODELS}")).build();
    var answer = HttpClient.newHttpClient()
        .send(request, HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.statusCode());
  }}
}}
"""
GO = f"""
package main

import ("fmt"; "net/http")

func main() {{
  answer, err := http.Get("{MODELS}")
  if err != nil {{ panic(err) }}
  fmt.Println(answer.StatusCode)
}}
"""


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    """The fakes, standing in, in a process of their own."""
    with WorldProcess(stand_in=()) as running:
        yield running


def said(
    world: WorldProcess, *command: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What a command prints where only the fakes are; skips where none can be kept."""
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "fakes.stand_in", "--environment-as-is"),
            *("--control", world.addresses.control, "--", *command),
        ],
        env={**agent_environment(dict(os.environ), world.addresses), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if "cannot be kept to itself" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    return ran


@pytest.mark.parametrize(
    ("script", "answer"),
    [(FETCH, "list"), (AXIOS, "list"), (WS, "Metadata")],
    ids=["fetch", "axios", "ws"],
)
def test_node_finds_the_fakes_by_the_providers_names(
    world: WorldProcess, script: str, answer: str
) -> None:
    """With nothing but NODE_EXTRA_CA_CERTS in its environment."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if "import" in script and not (NODE / "node_modules").is_dir():
        pytest.skip(
            "run python -m conformance.plain_agents node once, for its packages"
        )
    command = ("node", "--input-type=module", "--eval", script)
    ran = said(world, *command, folder=NODE)
    assert ran.stdout.strip() == answer, ran.stderr


def test_java_trusts_what_the_guide_makes_of_the_authority(
    world: WorldProcess, tmp_path: Path
) -> None:
    """By keytool, as printed at the start; without it, the certificate is refused."""
    if shutil.which("javac") is None or shutil.which("keytool") is None:
        pytest.skip("no Java development kit is installed")
    stand_in = world.addresses.stand_in
    assert stand_in is not None
    subprocess.run(
        [
            *("keytool", "-importcert", "-noprompt", "-alias", "busyhour"),
            *("-storepass", "changeit", "-file", stand_in.authority),
            *("-keystore", "busyhour.p12"),
        ],
        cwd=tmp_path,
        capture_output=True,
        timeout=30,
        check=True,
    )
    (tmp_path / "Asks.java").write_text(JAVA, "utf-8")
    store = "-Djavax.net.ssl.trustStore=busyhour.p12"
    options = f"{store} -Djavax.net.ssl.trustStorePassword=changeit"

    ran = said(world, "java", "Asks.java", folder=tmp_path, JAVA_TOOL_OPTIONS=options)
    wary = said(world, "java", "Asks.java", folder=tmp_path)

    assert ran.stdout.strip() == "200", ran.stderr
    assert "SSLHandshakeException" in wary.stderr


def test_go_needs_the_environment_only(world: WorldProcess, tmp_path: Path) -> None:
    """Its name for trusted certificates is SSL_CERT_FILE, as for OpenSSL."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    (tmp_path / "asks.go").write_text(GO, "utf-8")
    build = ("go", "build", "-o", "asks", "asks.go")
    cache = {"GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off"}
    subprocess.run(
        build, cwd=tmp_path, env={**os.environ, **cache}, timeout=120, check=True
    )
    ran = said(world, "./asks", folder=tmp_path)
    wary = said(world, "./asks", folder=tmp_path, SSL_CERT_FILE=os.devnull)
    assert ran.stdout.strip() == "200", ran.stderr
    assert "certificate" in wary.stderr
