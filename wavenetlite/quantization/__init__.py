"""Networks with integers of 8 bits, from trained ones in float32."""

from wavenetlite.quantization.post_training import quantize

__all__ = ["quantize"]
