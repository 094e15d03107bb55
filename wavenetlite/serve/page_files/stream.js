// A stream of the server that outlives its connection: what has not been saved there is kept, and sent again.

const FINAL = new Set([1007, 1008, 1009, 4409, 4413]);
const LONGEST_PAUSE_MS = 2000;

export class Stream {
  constructor({ model, sr, token, onMessage, onState }) {
    Object.assign(this, { sr, token, onMessage, onState });
    this.query = { model, sr, format: "pcm16", id: crypto.randomUUID?.() ?? randomId(), saves: "1", probabilities: "1" };
    this.blocks = []; // { start, samples }, from the first sample that is not saved
    this.end = 0;
    this.n = 0;
    this.name = randomId();
    this.attempts = 0;
    this.pauseMs = 100;
    this.closed = false;
    this.connect();
  }

  connect() {
    this.attempts += 1; // a slow server that opens this connection after a later one refuses it
    const attempt = `${this.name}.${this.attempts}`;
    const query = new URLSearchParams({ ...this.query, have: this.n, attempt });
    const protocols = this.token ? ["wavenetlite", `bearer.${this.token}`] : ["wavenetlite"];
    const address = new URL(`/v1/stream?${query}`, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.ready = false;
    this.socket = new WebSocket(address, protocols);
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = ({ code }) => this.lost(code);
  }

  feed(samples) {
    this.blocks.push({ start: this.end, samples });
    this.end += samples.length;
    if (this.ready) this.socket.send(samples);
    while (this.end - this.blocks[0].start > 60 * this.sr) this.blocks.shift();
  }

  hear(message) {
    if (message.type === "resume") return this.resume(message.samples);
    if (message.type === "saved") {
      while (this.blocks.length && this.blocks[0].start + this.blocks[0].samples.length <= message.samples) this.blocks.shift();
      return undefined;
    }
    if (message.type === "event") {
      if (message.n <= this.n) return undefined;
      this.n = message.n;
    }
    if (message.type === "done" || message.type === "error") this.closed = true;
    return this.onMessage(message);
  }

  resume(position) {
    const first = this.blocks.length ? this.blocks[0].start : this.end;
    if (position < first || position > this.end) return this.fail("The server has lost the stream. Listen again.");
    for (const { start, samples } of this.blocks) {
      if (start + samples.length > position) this.socket.send(samples.subarray(Math.max(0, position - start)));
    }
    this.ready = true;
    this.pauseMs = 100;
    if (this.ending) this.sendEnd();
    return this.onState("Listening");
  }

  finish() {
    this.ending = true;
    if (this.ready) this.sendEnd();
  }

  sendEnd() {
    this.socket.send(JSON.stringify({ type: "end" }));
  }

  fail(reason) {
    this.closed = true;
    this.socket.close();
    this.onMessage({ type: "error", message: reason });
  }

  lost(code) {
    this.ready = false;
    if (this.closed) return;
    if (FINAL.has(code)) {
      this.fail(`The server closed the stream (${code}).`);
      return;
    }
    this.onState("The connection is lost; connecting again");
    setTimeout(() => this.closed || this.connect(), this.pauseMs);
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
  }
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
