"""kaldi-native-fbank, which streams; it is given lists, which it takes faster than arrays. Whole signals are
fed to one stream too, so that its tables are made once.

Its definition is another than librosa's (window, mel scale, natural logarithm), so its values are compared with that
definition in float64. Dither, pre-emphasis and the removal of the mean are off.
"""

from collections.abc import Sequence
from importlib.metadata import version

import kaldi_native_fbank as knf
import numpy as np

from benchmarks.log_mel import HOP, MELS, N_FFT, SR, Ways, from_powers

FLOOR = float(np.finfo(np.float32).eps)


def ways(_window: np.ndarray, _bank: np.ndarray) -> Ways:
    long, live = Live(), Live()
    name = f"kaldi-native-fbank {version('kaldi-native-fbank')}"
    return Ways(name, lambda samples: np.array(long([samples])), live, expected, given=np.ndarray.tolist)


def options() -> knf.FbankOptions:
    found = knf.FbankOptions()
    frame = found.frame_opts
    frame.samp_freq = SR
    frame.frame_length_ms, frame.frame_shift_ms = 1000 * N_FFT / SR, 1000 * HOP / SR
    frame.dither = frame.preemph_coeff = 0
    frame.remove_dc_offset = False
    frame.window_type = "hanning"
    frame.snip_edges = True
    found.mel_opts.num_bins = MELS
    found.mel_opts.low_freq, found.mel_opts.high_freq = 0, SR / 2
    return found


class Live:
    """One stream, fed on and on; every frame is taken as soon as it is ready, as a copy: `pop` frees it."""

    def __init__(self) -> None:
        self._fbank, self._taken = knf.OnlineFbank(options()), 0

    def __call__(self, chunks: Sequence[list[float]]) -> list[np.ndarray]:
        fbank, taken, found = self._fbank, self._taken, []
        for chunk in chunks:
            fbank.accept_waveform(SR, chunk)
            ready = fbank.num_frames_ready
            found += [fbank.get_frame(number).copy() for number in range(taken, ready)]
            fbank.pop(ready - taken)
            taken = ready
        self._taken = taken
        return found


def expected(y: np.ndarray) -> np.ndarray:
    """Kaldi's definition: triangles over the mel scale itself, a symmetric window, a natural logarithm."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / (N_FFT - 1))
    edges = np.linspace(0, _mel(SR / 2), MELS + 2)[:, np.newaxis]
    bins = _mel(np.arange(N_FFT // 2) * SR / N_FFT)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = np.maximum(np.minimum(rising, falling), 0)
    return np.log(np.maximum(from_powers(y, window, bank), FLOOR))


def _mel(hertz: np.ndarray | float) -> np.ndarray | float:
    return 1127 * np.log(1 + np.asarray(hertz) / 700)
