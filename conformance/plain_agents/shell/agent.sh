#!/usr/bin/env bash
# A phone agent of bash and curl: takes turns as on a walkie-talkie.
# Run for each connection by serve.py: `agent.sh voice` prints TwiML for $HTTP_HOST,
# `agent.sh media` reads Twilio's messages, a line each, and prints its own.
set -u

if [ "$1" = voice ]; then
  echo "<Response><Connect><Stream url=\"wss://$HTTP_HOST/media\"/></Connect></Response>"
  exit
fi

field() { sed -n "s/.*\"$1\": *\"\(\([^\"\\\\]\|\\\\.\)*\)\".*/\1/p" | head -n 1; }

say() {
  curl -sS "https://api.deepgram.com/v1/speak?model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none" \
    -H "Authorization: Token $DEEPGRAM_API_KEY" -H "Content-Type: application/json" \
    -d "{\"text\": \"$1\"}" | base64 -w 4800 | while read -r payload; do
    echo "{\"event\":\"media\",\"streamSid\":\"$stream\",\"media\":{\"payload\":\"$payload\"}}"
  done
  echo "{\"event\":\"mark\",\"streamSid\":\"$stream\",\"mark\":{\"name\":\"said\"}}"
}

answer() {
  heard=$(base64 -di < "$said" | curl -sS --data-binary @- \
    "https://api.deepgram.com/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000" \
    -H "Authorization: Token $DEEPGRAM_API_KEY" -H "Content-Type: audio/mulaw" | field transcript)
  [ -n "$heard" ] || return
  reply=$(curl -sS https://api.openai.com/v1/chat/completions \
    -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" \
    -d "{\"model\": \"gpt-4o-mini\", \"messages\": [{\"role\": \"user\", \"content\": \"$heard\"}]}" \
    | field content)
  say "$reply"
  case $heard in *oodbye*)
    curl -sS -o /dev/null -u "$TWILIO_ACCOUNT_SID:$TWILIO_AUTH_TOKEN" -d Status=completed \
      "https://api.twilio.com/2010-04-01/Accounts/$TWILIO_ACCOUNT_SID/Calls/$call.json" ;;
  esac
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT
quiet=0
while read -r message; do
  case $message in
    *'"event":"start"'* | *'"event": "start"'*)
      stream=$(echo "$message" | field streamSid)
      call=$(echo "$message" | field callSid)
      say "Hello, how can I help you?" ;;
    *'"event":"media"'* | *'"event": "media"'*)
      payload=${message##*\"payload\":}
      payload=${payload#*\"}
      payload=${payload%%\"*}
      if [[ $payload =~ ^/*w?=*$ ]]; then # nothing but 0xFF: silence
        quiet=$((quiet + 1))
        if [ $quiet -eq 25 ] && [ -s "$said" ]; then
          answer
          : > "$said"
        fi
      else
        quiet=0
        echo "$payload" >> "$said"
      fi ;;
    *'"event":"stop"'* | *'"event": "stop"'*) break ;;
  esac
done
