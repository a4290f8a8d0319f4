"""The fake Deepgram: live transcription and speech, HTTP and WebSocket on one port."""
