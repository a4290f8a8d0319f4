"""Which verbs, nouns and attributes TwiML has, and what may stand in what.

https://www.twilio.com/docs/voice/twiml lists them; what the documentation does not
mention but Twilio's helper libraries write is here too. Names are matched with their
case, as Twilio does.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RESPONSE", "WORDS", "Word"]


class Word(NamedTuple):
    """What an element may carry.

    Attributes:
        attributes: their names.
        children: names of the elements that may stand in it.
    """

    attributes: frozenset[str]
    children: frozenset[str] = frozenset()


def _word(attributes: str = "", children: str = "") -> Word:
    return Word(frozenset(attributes.split()), frozenset(children.split()))


_RECORDED = (
    "recordingConfigurationId recordingStatusCallback recordingStatusCallbackEvent"
    " recordingStatusCallbackMethod trim"
)
_DETECTED = (
    "amdStatusCallback amdStatusCallbackMethod machineDetection"
    " machineDetectionSilenceTimeout machineDetectionSpeechEndThreshold"
    " machineDetectionSpeechThreshold machineDetectionTimeout"
)
_CALLED = "method statusCallback statusCallbackEvent statusCallbackMethod url"
_NAMED = "connectorName name statusCallback statusCallbackMethod track"
_SSML = "break emphasis lang p phoneme prosody s say-as sub w"

WORDS: dict[str, Word] = {
    # What a call hears and says.
    "Say": _word("language loop voice", _SSML),
    "Play": _word("digits loop"),
    "Pause": _word("length"),
    "Gather": _word(
        "action actionOnEmptyResult bargeIn debug enhanced finishOnKey hints input"
        " language maxSpeechTime method numDigits partialResultCallback"
        " partialResultCallbackMethod profanityFilter speechModel speechTimeout"
        " timeout",
        "Pause Play Say",
    ),
    "Record": _word(
        "action finishOnKey maxLength method playBeep timeout transcribe"
        f" transcribeCallback {_RECORDED}"
    ),
    # Where a call goes.
    "Redirect": _word("method"),
    "Hangup": _word("", "Parameter"),
    "Reject": _word("reason", "Parameter"),
    "Dial": _word(
        "action answerOnBridge callerId events hangupOnStar method number passports"
        " record recordingTrack referMethod referUrl ringTone sequential timeLimit"
        f" timeout {_RECORDED}",
        "Application Client Conference Number Queue Sim Sip WhatsApp",
    ),
    "Number": _word(f"byoc sendDigits {_CALLED} {_DETECTED}"),
    "Client": _word(_CALLED, "Identity Parameter"),
    "Sip": _word(f"password username {_CALLED} {_DETECTED}", "Headers Uri"),
    "Identity": _word(),
    "Application": _word(
        f"copyParentTo customerId {_CALLED}", "ApplicationSid Parameter"
    ),
    "Conference": _word(
        "beep coach endConferenceOnExit eventCallbackUrl jitterBufferSize"
        " maxParticipants muted participantLabel record region startConferenceOnEnter"
        " statusCallback statusCallbackEvent statusCallbackMethod waitMethod waitUrl"
        f" {_RECORDED}"
    ),
    "Queue": _word("method postWorkActivitySid reservationSid url"),
    "Sim": _word(),
    "WhatsApp": _word(_CALLED),
    # Media streams and their like.
    "Connect": _word(
        "action method",
        "AiSession Autopilot Conversation ConversationRelay ConversationRelaySession"
        " Room Stream VirtualAgent",
    ),
    "Start": _word("action method", "Recording Siprec Stream Transcription"),
    "Stop": _word("", "Recording Siprec Stream Transcription"),
    "Stream": _word(f"audioFormat sampleRate url {_NAMED}", "Parameter"),
    "Siprec": _word(_NAMED, "Parameter"),
    "Recording": _word(f"channels track {_RECORDED}"),
    "Transcription": _word(
        "enableAutomaticPunctuation hints inboundTrackLabel intelligenceService"
        " languageCode name outboundTrackLabel partialResults profanityFilter"
        " speechModel statusCallbackMethod statusCallbackUrl track transcriptionEngine",
        "Config Parameter",
    ),
    "Parameter": _word("name value"),
    "Config": _word("name value"),
    "ConversationRelay": _word(
        "applicationReconnect asrSmartFormat backgroundNoiseReduction customerName"
        " debug deepgramSmartFormat dtmfDetection eagerEotThreshold"
        " echoPromptFiltering elevenlabsLanguageTextNormalization"
        " elevenlabsTextNormalization events hints ignoreBackchannel includeInPrompt"
        " intelligenceService interruptSensitivity interruptible language"
        " partialPromptOnHangup partialPrompts preemptible profanityFilter"
        " reportInputDuringAgentSpeech speechModel speechTimeout"
        " transcriptionLanguage transcriptionProvider ttsLanguage"
        " ttsLanguageTextNormalization ttsProvider ttsTextNormalization turnDetection"
        " url voice welcomeGreeting welcomeGreetingInterruptible",
        "Language Parameter",
    ),
    "Language": _word(
        "asrSmartFormat code hints speechModel transcriptionProvider"
        " ttsLanguageTextNormalization ttsProvider ttsTextNormalization voice"
    ),
    # Known to Twilio, not performed here.
    "AiSession": _word("aiConnector aiSessionConfiguration"),
    "ApplicationSid": _word(),
    "Autopilot": _word(),
    "Conversation": _word(
        "inboundAutocreation inboundTimeout method record routingAssignmentTimeout"
        " serviceInstanceSid statusCallback statusCallbackEvent statusCallbackMethod"
        f" url {_RECORDED}"
    ),
    "ConversationRelaySession": _word("connector sessionConfiguration"),
    "Header": _word("name value"),
    "Headers": _word("", "Header"),
    "Room": _word("participantIdentity"),
    "Task": _word("priority timeout"),
    "Uri": _word("password priority username weight"),
    "VirtualAgent": _word(
        "connectorName language sentimentAnalysis statusCallback statusCallbackMethod",
        "Config Parameter",
    ),
    "Echo": _word(),
    "Enqueue": _word(
        "action maxQueueSize method waitUrl waitUrlMethod workflowSid", "Task"
    ),
    "Leave": _word(),
    "Pay": _word(
        "action bankAccountType chargeAmount currency description input language"
        " maxAttempts minPostalCodeLength paymentConnector paymentMethod postalCode"
        " securityCode statusCallback statusCallbackMethod timeout tokenType"
        " validCardTypes",
        "Parameter Prompt",
    ),
    "Prompt": _word(
        "attempt cardType errorType for requireMatchingInputs", "Pause Play Say"
    ),
    "Refer": _word("action method", "Sip"),
    "Sms": _word("from method statusCallback to action"),
}

RESPONSE = _word(
    children="Connect Dial Echo Enqueue Gather Hangup Leave Pause Pay Play Prompt Queue"
    " Record Redirect Refer Reject Say Sms Start Stop"
).children
