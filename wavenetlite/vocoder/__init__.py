"""Vocoders: from log-mel frames to audio."""

from wavenetlite.vocoder.vocoder import Vocoder, VocoderStream

__all__ = ["Vocoder", "VocoderStream"]
