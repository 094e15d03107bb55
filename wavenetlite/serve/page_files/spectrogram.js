// The log-mel spectrogram of what the microphone hears, one column for each picture of the screen.

const BANDS = 40;
const FLOOR_DB = -100;
const CEILING_DB = -20;

const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const hertz = (m) => 700 * (10 ** (m / 2595) - 1);

export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  start(analyser, sr) {
    const top = Math.min(8000, sr / 2);
    const width = sr / analyser.fftSize;
    this.edges = Array.from({ length: BANDS + 1 }, (_, band) => Math.round(hertz((mel(top) * band) / BANDS) / width));
    this.analyser = analyser;
    this.decibels = new Float32Array(analyser.frequencyBinCount);
    this.draw();
  }

  stop() {
    cancelAnimationFrame(this.next);
  }

  draw() {
    const { canvas, context, edges, decibels } = this;
    this.analyser.getFloatFrequencyData(decibels);
    context.drawImage(canvas, -2, 0);
    const height = canvas.height / BANDS;
    for (let band = 0; band < BANDS; band++) {
      const last = Math.max(edges[band] + 1, edges[band + 1]);
      let power = 0;
      for (let bin = edges[band]; bin < last; bin++) power += 10 ** (decibels[bin] / 10);
      const level = (10 * Math.log10(power / (last - edges[band]) + 1e-12) - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
      const shade = Math.max(0, Math.min(1, level));
      context.fillStyle = `hsl(${260 - 210 * shade} 80% ${8 + 62 * shade}%)`;
      context.fillRect(canvas.width - 2, canvas.height - (band + 1) * height, 2, Math.ceil(height));
    }
    this.next = requestAnimationFrame(() => this.draw());
  }
}
