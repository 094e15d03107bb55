"""Networks with integers of 8 bits, from trained ones in float32."""

from wavenetlite.quantization.networks import quantization_aware, quantize

__all__ = ["quantization_aware", "quantize"]
