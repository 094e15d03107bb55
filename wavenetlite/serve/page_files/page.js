// The page: choice of model, microphone, probabilities and events. Labels are only ever set as text.

import { openMicrophone } from "/microphone.js";
import { Spectrogram } from "/spectrogram.js";
import { Stream } from "/stream.js";

const MOST_ROWS = 50;
const element = (id) => document.getElementById(id);
const spectrogram = new Spectrogram(element("spectrogram"));
const models = new Map();
let bars = [];
let microphone = null;
let stream = null;

function say(text) {
  element("status").textContent = text;
}

function token() {
  return element("token").value.trim();
}

async function loadModels() {
  const response = await fetch("/v1/models", token() ? { headers: { Authorization: `Bearer ${token()}` } } : {});
  if (response.status === 401) {
    element("token-field").hidden = false;
    element("listen").disabled = false;
    return say("This server wants a token.");
  }
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  models.clear();
  for (const model of (await response.json()).models) models.set(model.name, model);
  element("model").replaceChildren(...Array.from(models.keys(), (name) => new Option(name, name)));
  element("model").disabled = element("listen").disabled = false;
  showLabels();
  return say("Ready");
}

function showLabels() {
  const model = models.get(element("model").value);
  bars = model.labels.map((label) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    const number = document.createElement("span");
    name.textContent = label;
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", label);
    number.className = "number";
    row.append(name, bar, number);
    return { row, bar, number };
  });
  element("probabilities").replaceChildren(...bars.map(({ row }) => row));
}

function showProbabilities(values) {
  values.forEach((value, index) => {
    bars[index].bar.value = value;
    bars[index].number.textContent = value.toFixed(2);
    bars[index].row.classList.toggle("heard", value > 0.5);
  });
}

function showEvent({ time_s: time, label, score }) {
  const row = element("events").insertRow(0);
  for (const text of [`${time.toFixed(2)} s`, label, score.toFixed(2)]) row.insertCell().textContent = text;
  while (element("events").rows.length > MOST_ROWS) element("events").deleteRow(-1);
}

function hear(message) {
  if (message.type === "probabilities") showProbabilities(message.values.at(-1));
  if (message.type === "event") showEvent(message);
  if (message.type === "done") say("Ready");
  if (message.type === "error") {
    stop();
    say(message.message);
  }
}

async function start() {
  say("Waiting for the microphone");
  element("listen").disabled = true;
  try {
    if (!models.size) await loadModels();
    if (!models.size) return;
    microphone = await openMicrophone((block) => stream?.feed(block));
    const model = element("model").value;
    stream = new Stream({ model, sr: microphone.sr, token: token(), onMessage: hear, onState: say });
    spectrogram.start(microphone.analyser, microphone.sr);
    element("events").replaceChildren();
    element("model").disabled = true;
    element("listen").textContent = "Stop";
  } catch (error) {
    say(`The microphone cannot be used: ${error.message}`);
  } finally {
    element("listen").disabled = false;
  }
}

function stop() {
  spectrogram.stop();
  microphone?.close();
  stream?.finish();
  microphone = stream = null;
  element("model").disabled = false;
  element("listen").textContent = "Listen";
}

element("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  if (microphone) stop();
  else start();
});
element("model").addEventListener("change", showLabels);
loadModels().catch((error) => say(`The models cannot be loaded: ${error.message}`));
