"""Audio in and out: files, blocks of a file, sample rates, channels, the microphone. Nothing is changed silently.

Signals are float32, (samples,) or (samples, channels), in -1..1. soundfile, soxr and sounddevice are imported when they
are first needed.
"""

from wavenetlite.audio.channels import Mono, checked_mono, to_mono
from wavenetlite.audio.duplex import Duplex, JackDuplex, SoundDeviceDuplex
from wavenetlite.audio.files import AudioInfo, header, info, opened
from wavenetlite.audio.microphone import AudioDeviceError, Microphone
from wavenetlite.audio.reading import ReadOptions, blocks, read
from wavenetlite.audio.resampling import Resampler, resample
from wavenetlite.audio.source import AudioFileError, Encoded, PathLike, Readable, reason, shown
from wavenetlite.audio.writing import AudioWriter, write, writing

__all__ = [
    "AudioDeviceError", "AudioFileError", "AudioInfo", "AudioWriter", "Duplex", "Encoded", "JackDuplex", "Microphone",
    "Mono", "PathLike", "ReadOptions", "Readable", "Resampler", "SoundDeviceDuplex", "blocks", "checked_mono",
    "header", "info", "opened", "read", "reason", "resample", "shown", "to_mono", "write", "writing",
]  # fmt: skip
