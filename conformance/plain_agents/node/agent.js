// A phone agent in the plain style of public samples: ws to api.deepgram.com, and
// @deepgram/sdk, openai and twilio with their defaults.
// Usage: node agent.js PORT
import http from "node:http";
import { DeepgramClient } from "@deepgram/sdk";
import OpenAI from "openai";
import twilio from "twilio";
import WebSocket, { WebSocketServer } from "ws";

const LISTEN =
  "wss://api.deepgram.com/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000" +
  "&interim_results=true&endpointing=300";

const deepgram = new DeepgramClient();
const openai = new OpenAI();
const phone = twilio(process.env.TWILIO_ACCOUNT_SID, process.env.TWILIO_AUTH_TOKEN);

const server = http.createServer((request, response) => {
  request.resume();
  response.setHeader("content-type", "text/xml");
  response.end(
    `<Response><Connect><Stream url="wss://${request.headers.host}/media"/></Connect></Response>`,
  );
});

class Call {
  constructor(socket) {
    this.socket = socket;
    this.messages = [
      { role: "system", content: "You answer the phone of a parcel service." },
    ];
    this.said = [];
    this.turn = 0;
    this.playing = false;
    this.listening = new WebSocket(LISTEN, {
      headers: { Authorization: `Token ${process.env.DEEPGRAM_API_KEY}` },
    });
    this.listening.on("message", (data) => this.heard(JSON.parse(data)));
    this.listening.on("error", (error) => console.error("listen:", error.message));
  }

  send(event, content = {}) {
    this.socket.send(JSON.stringify({ event, streamSid: this.streamSid, ...content }));
  }

  async say(text, turn) {
    const speech = await deepgram.speak.v1.audio.generate({
      text,
      model: "aura-2-thalia-en",
      encoding: "mulaw",
      sample_rate: 8000,
      container: "none",
    });
    for await (const audio of speech.stream()) {
      if (turn !== this.turn) return;
      this.playing = true;
      this.send("media", { media: { payload: Buffer.from(audio).toString("base64") } });
    }
    this.send("mark", { mark: { name: "said" } });
  }

  async answer(text) {
    const turn = this.turn;
    this.messages.push({ role: "user", content: text });
    const stream = await openai.chat.completions.create({
      model: "gpt-4o-mini",
      messages: this.messages,
      stream: true,
    });
    let whole = "";
    let sentence = "";
    for await (const chunk of stream) {
      const token = chunk.choices[0]?.delta?.content ?? "";
      whole += token;
      sentence += token;
      if (/[.!?]\s*$/.test(sentence)) {
        if (turn !== this.turn) return;
        await this.say(sentence, turn);
        sentence = "";
      }
    }
    if (sentence.trim()) await this.say(sentence, turn);
    this.messages.push({ role: "assistant", content: whole });
    if (/goodbye/i.test(text)) {
      await phone.calls(this.callSid).update({ status: "completed" });
    }
  }

  heard(result) {
    if (result.type !== "Results") return;
    const words = result.channel.alternatives[0].transcript;
    if (words) {
      this.turn += 1;
      if (this.playing) {
        this.playing = false;
        this.send("clear");
      }
      if (result.is_final) this.said.push(words);
    }
    if (result.speech_final && this.said.length > 0) {
      const text = this.said.join(" ");
      this.said = [];
      this.answer(text).catch((error) => console.error("answer:", error.message));
    }
  }

  received(message) {
    if (message.event === "start") {
      this.callSid = message.start.callSid;
      this.streamSid = message.start.streamSid;
      this.say("Hello, how can I help you?", this.turn).catch((error) =>
        console.error("greeting:", error.message),
      );
    } else if (message.event === "media") {
      if (this.listening.readyState === WebSocket.OPEN) {
        this.listening.send(Buffer.from(message.media.payload, "base64"));
      }
    } else if (message.event === "mark") {
      this.playing = false;
    } else if (message.event === "stop") {
      this.listening.close();
    }
  }
}

new WebSocketServer({ server, path: "/media" }).on("connection", (socket) => {
  const call = new Call(socket);
  socket.on("message", (data) => call.received(JSON.parse(data)));
  socket.on("close", () => call.listening.close());
});

server.listen(Number(process.argv[2]));
