"""What a device's payload says: readings and states, and what of it cannot be stored."""

from broker.payloads.decoded import Column, Decoded, Reason, Rejection
from broker.payloads.facts import decode_attributes, decode_status
from broker.payloads.formats import decode

__all__ = [
    "Column",
    "Decoded",
    "Reason",
    "Rejection",
    "decode",
    "decode_attributes",
    "decode_status",
]
