"""Speech by request: the query, the body, and the form of the audio."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.deepgram.ear.alaw import expand, from_mulaw, to_mulaw
from fakes.deepgram.errors import Refusal
from fakes.deepgram.settings import DeepgramSettings
from fakes.deepgram.speak.body import model_headers, read_body
from fakes.deepgram.speak.controls import read_controls, strip_markup
from fakes.deepgram.speak.form import SpeechForm
from fakes.deepgram.speak.request import SpeakQuery, parse_speak, say
from fakes.speech import CodedFrame, FrameReader, Speaker, WordsHeard, speak
from voiceutils.mulaw import decode, to_linear16

TEXT = "Hello, you have reached the busy hour line."
SETTINGS = DeepgramSettings()


def query_of(text: str, *, streaming: bool = False, version: str = "v1") -> object:
    """Return how a query is read."""
    parts = [part.partition("=") for part in text.split("&") if part]
    pairs = [(key, value) for key, _, value in parts]
    return parse_speak(pairs, SETTINGS, streaming=streaming, version=version)


def form_of(text: str, *, streaming: bool = False, version: str = "v1") -> SpeechForm:
    """Return the form that a good query asks for."""
    query = query_of(text, streaming=streaming, version=version)
    assert isinstance(query, SpeakQuery), query
    return query.form


@pytest.mark.parametrize(
    ("encoding", "wish", "problem"),
    [
        ("mp3", "container=wav", "`container` is not applicable"),
        ("mulaw", "container=ogg", "`container=ogg` is invalid"),
        ("opus", "sample_rate=8000", "`sample_rate` is not applicable"),
        ("mulaw", "sample_rate=44100", "`sample_rate` must be [8000, 16000]"),
        ("mulaw", "bit_rate=1", "`bit_rate` is not applicable"),
        ("mp3", "bit_rate=8000", "`bit_rate` must be [32000, 48000]"),
    ],
)
def test_each_wrong_combination_has_its_own_sentence(
    encoding: str, wish: str, problem: str
) -> None:
    """The six documented sentences about a form, word for word."""
    refusal = query_of(f"encoding={encoding}&{wish}")
    sentence = f"Unsupported audio format: {problem} when `encoding={encoding}`"

    assert refusal == Refusal(400, "INVALID_QUERY_PARAMETER", sentence)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("encoding=mulaw&model=x", "No such model/version combination found."),
        ("model=flux-alexis-en", "No such model/version combination found."),
        ("colour=red", "deserialize query parameters: unknown field `colour`"),
        ("encoding=vorbis", "encoding: unknown variant `vorbis`"),
        ("mip_opt_out=False", "mip_opt_out: not a boolean"),
        ("speed=2", "'speed' must be between 0.7 and 1.5"),
        ("speed=fast", "speed: not a number"),
        ("callback=here", "Invalid callback url."),
        ("callback=http://a/&callback_method=GET", "callback_method"),
    ],
)  # fmt: skip
def test_speak_query_is_read_strictly(query: str, problem: str) -> None:
    """Anything else that is wrong is 400 with a sentence that names it."""
    refusal = query_of(query)

    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert problem in refusal.message


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "INVALID"),
        ("model=aura-2-thalia-en", "Bad Request"),
        ("model=flux-alexis-en&speed=1.07", "SPEED_INCREMENT_INVALID"),
        ("model=flux-alexis-en&speed=0.45", "SPEED_OUT_OF_RANGE"),
        ("model=flux-alexis-en&expressivity=3", "EXPRESSIVITY_OUT_OF_RANGE"),
        ("model=flux-alexis-en&expressivity=1.5", "EXPRESSIVITY_INCREMENT_INVALID"),
        ("model=flux-alexis-en&container=none", "INVALID"),
        ("model=flux-alexis-en&bit_rate=48000", "INVALID"),
        ("model=flux-alexis-en&encoding=mp3", "INVALID"),
        ("model=flux-alexis-en&callback=http://a/", "INVALID"),
        ("model=flux-alexis-en&encoding=mulaw&sample_rate=44100", "INVALID"),
    ],
)  # fmt: skip
def test_flux_socket_refuses_at_the_handshake(query: str, code: str) -> None:
    """The model is required, and what belongs to requests fails the handshake."""
    refusal = query_of(query, streaming=True, version="v2")

    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert refusal.code.startswith(code)


def test_flux_takes_what_it_documents() -> None:
    """Speed in steps of 0.05, expressivity, and 44100 Hz on the socket only."""
    good = "model=flux-alexis-en&speed=1.15&expressivity=-2&sample_rate=44100"
    assert form_of(good, streaming=True, version="v2").sample_rate == 44100
    batch = "model=flux-alexis-en&sample_rate=44100&encoding=linear16"
    assert isinstance(query_of(batch, version="v2"), Refusal)


@pytest.mark.parametrize(
    ("query", "content_type"),
    [
        ("", "audio/mpeg"),
        ("encoding=linear16", "audio/wav"),
        ("encoding=mulaw", "audio/wav"),
        ("encoding=alaw", "audio/wav"),
        ("encoding=linear16&container=none", "audio/l16;rate=24000"),
        ("encoding=mulaw&container=none", "audio/mulaw;rate=8000"),
        ("encoding=alaw&container=none&sample_rate=16000", "audio/alaw;rate=16000"),
        ("encoding=opus&container=ogg", "audio/ogg;codecs=opus"),
        ("encoding=flac&sample_rate=22050", "audio/flac"),
        ("encoding=aac&bit_rate=4000", "audio/aac"),
    ],
)
def test_content_type_says_the_form(query: str, content_type: str) -> None:
    """As the service words it; mp3 is the default of requests."""
    assert form_of(query).content_type == content_type


def test_container_is_wav_unless_none() -> None:
    """Mu-law comes in a WAV file unless container=none; never on the WebSocket."""
    wav, raw = form_of("encoding=mulaw"), form_of("encoding=mulaw&container=none")

    assert len(wav.header) == 44
    assert wav.header.startswith(b"RIFF")
    assert raw.header == b""
    assert form_of("encoding=mulaw&container=none", streaming=True).header == b""
    assert isinstance(query_of("encoding=mulaw&container=wav", streaming=True), Refusal)


def test_default_encoding_is_a_setting() -> None:
    """One guide has linear16 where the schema has mp3."""
    settings = DeepgramSettings(speak_default_encoding="linear16")
    query = parse_speak([], settings)

    assert isinstance(query, SpeakQuery)
    assert query.form == SpeechForm("linear16", 24000, "wav")


# --- bodies -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b'{"text":""}', "application/json", 400, "Input text contains no characters."),
        (b"{}", "application/json", 400, "exactly one of `text` or `url`"),
        (b'{"text":"a","url":"http://a/"}', "application/json", 400, "exactly one of"),
        (b'{"text":7}', "application/json", 400, "exactly one of `text` or `url`"),
        (b"no", "application/json", 400, "exactly one of `text` or `url`"),
        (b"[" * 9000, "application/json", 400, "exactly one of `text` or `url`"),
        (b'{"url":"no url"}', "application/json", 400, "Failed to parse URL"),
        (b'{"url":"http://127.0.0.1/t"}', "application/json", 400, "publicly routable"),
        (b"\xff", "text/plain", 400, "Failed to decode payload as UTF-8."),
        (b"x", "audio/wav", 415, "`Content-Type` header is not supported."),
        (b"x" * 2001, "text/plain", 413, "maximum character limit of 2000."),
    ],
)  # fmt: skip
def test_wrong_bodies_are_refused(
    body: bytes, kind: str, status: int, message: str
) -> None:
    """Each wrong body has its documented status and sentence."""
    refusal = read_body(body, kind, SETTINGS)

    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert message in refusal.message


def test_limit_and_status_of_long_text_are_settings() -> None:
    """Texts of 2000 characters pass; guides name other limits and statuses."""
    other = DeepgramSettings(text_limit=1000, text_too_long_status=422)
    assert read_body(b"x" * 2000, "text/plain; charset=utf-8", SETTINGS) == "x" * 2000
    body = json.dumps({"text": "x" * 1001}).encode()
    refusal = read_body(body, "application/json", other)

    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (422, "Payload Too Large")


def test_headers_of_the_recorded_answer() -> None:
    """Thirteen characters in ``Hello, world.``, and the voice's own identity."""
    query = SpeakQuery("aura-2-thalia-en", SpeechForm())

    assert model_headers(query, "Hello, world.", "r") == {
        "content-type": "audio/mulaw;rate=8000",
        "dg-model-name": "aura-2-thalia-en",
        "dg-model-uuid": "0bb159e1-5c0a-48fb-aa29-ed7c0401f116",
        "dg-char-count": "13",
        "dg-request-id": "r",
    }


def test_long_text_becomes_several_utterances() -> None:
    """What does not fit into one utterance is spoken sentence by sentence."""
    text = " ".join([TEXT] * 20)
    spoken = say(text, itertools.count(1).__next__)

    assert len(spoken) > 1
    assert len({number for number, _ in spoken}) == len(spoken)
    assert " ".join(speech.text for _, speech in spoken) == text


# --- audio ------------------------------------------------------------------------


def test_wider_linear16_repeats_samples() -> None:
    """Linear16 at 24000 Hz is the phone audio with every sample three times."""
    form = form_of("encoding=linear16&container=none")

    assert form.convert(b"\x10\x20") == to_linear16(b"\x10\x10\x10\x20\x20\x20")


@given(
    rate=st.sampled_from([8000, 16000, 22050, 24000, 32000, 44100, 48000]),
    encoding=st.sampled_from(["linear16", "mulaw", "alaw"]),
    frames=st.integers(0, 40),
)
def test_any_rate_keeps_the_length_in_time(
    rate: int, encoding: str, frames: int
) -> None:
    """A second stays a second, to a sample."""
    form = SpeechForm(encoding, rate)
    audio = form.convert(bytes(range(160)) * frames)

    assert abs(len(audio) - frames * form.bytes_a_second / 50) <= form.width
    assert len(audio) % form.width == 0


@given(speed=st.sampled_from([0.5, 0.7, 1.0, 1.15, 1.5]))
def test_speed_changes_the_length_where_it_is_let(speed: float) -> None:
    """Twice as fast is half as long."""
    audio = SpeechForm().convert(b"\x10" * 8000, speed)
    assert len(audio) == pytest.approx(8000 / speed, abs=1)


def test_words_survive_whole_multiples_of_the_rate() -> None:
    """The code is read back from every third sample."""
    speech = speak(TEXT, speaker=Speaker.AGENT, call=7)
    wide = SpeechForm("mulaw", 16000).convert(speech.audio)
    found = FrameReader().feed(wide[::2])

    assert (
        WordsHeard([x.code for x in found if isinstance(x, CodedFrame)]).text() == TEXT
    )


def test_alaw_is_the_nearest_level() -> None:
    """A-law of mu-law is never further off than the half of a step at that level."""
    for byte, sample in enumerate(decode(bytes(range(256)))):
        near = expand(from_mulaw()[byte])
        assert abs(near - sample) <= max(16, abs(sample) / 32)
        assert (near < 0) == (sample < 0) or abs(sample) < 16
    assert len(to_mulaw()) == 256
    assert SpeechForm("alaw").convert(b"\xff\x00") == b"\xd5\x2a"


# --- controls and markup ----------------------------------------------------------


def test_controls_are_read_out_of_the_text() -> None:
    """A pronunciation leaves its word, a pause nothing."""
    text = r'Take \{"word": "dupilumab", "pronounce": "x"\} now. \{pause:500ms\} Bye.'

    assert read_controls(text) == ("Take dupilumab now.  Bye.", 1, 1, "")
    assert read_controls(r"a \{oops\} b").problem
    assert read_controls("plain { text }") == ("plain { text }", 0, 0, "")


def test_known_markup_is_stripped_and_other_stays() -> None:
    """SSML goes, HTML and Markdown stay."""
    text = '<speak>Hi <break time="1s"/><b>you</b> [laughs] **now**</speak>'
    assert strip_markup(text) == "Hi <b>you</b>  **now**"
