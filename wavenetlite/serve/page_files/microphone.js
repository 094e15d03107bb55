// The microphone: its samples in blocks, and an analyser for the picture.

export async function openMicrophone(onBlock) {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule("/worklet.js");
  const source = context.createMediaStreamSource(media);
  const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
  const blocks = new AudioWorkletNode(context, "blocks", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  blocks.port.onmessage = ({ data }) => onBlock(data);
  source.connect(analyser);
  source.connect(blocks);
  return {
    sr: context.sampleRate,
    analyser,
    async close() {
      for (const track of media.getTracks()) track.stop();
      await context.close();
    },
  };
}
