"""How much sound a packet holds, known without decoding it."""

from fractions import Fraction

CONSTANT = (
    "aac",
    "mp3",
    "amr_nb",
    "amr_wb",
    "mp2",
)  # codecs whose packets all hold the same number of samples
LEARNT_FROM = 8
OPUS_RATE_HZ = 48_000


class Stride:
    """The length of a stream's packets: exact, or unknown.

    Nothing is known at first. The first packets are decoded whatever the codec is, because encoders put
    silence in front that the decoder takes away again.
    """

    def __init__(self, stream: "av.audio.stream.AudioStream") -> None:  # noqa: F821 - for the reader only
        codec = stream.codec_context
        self._codec = codec.codec.canonical_name
        self._exact = stream.time_base == Fraction(1, codec.sample_rate)
        self._seen: list[tuple[int, int]] = []  # samples and rate of the first frames

    def learn(self, frames: list) -> None:
        """Take note of what one of the first packets gave."""
        if len(self._seen) < LEARNT_FROM:
            self._seen += [(frame.samples, frame.sample_rate) for frame in frames]

    def length_s(self, packet: "av.packet.Packet") -> float | None:  # noqa: F821
        """Seconds of sound in the packet, or None where only decoding would tell."""
        if len(self._seen) < LEARNT_FROM:
            return None
        samples, rate = self._seen[-1]
        if self._codec == "opus":
            return opus_samples(bytes(packet)) / OPUS_RATE_HZ
        if self._codec in CONSTANT:
            return samples / rate if self._seen[-2] == (samples, rate) else None
        if self._exact and packet.duration and self._codec.startswith(("pcm_", "flac", "alac")):
            return packet.duration / rate
        return None


def opus_samples(packet: bytes) -> int:
    """Samples at 48 kHz in an Opus packet, from its first bytes (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config % 4]
    elif config < 16:
        frame = (480, 960)[config % 2]
    else:
        frame = (120, 240, 480, 960)[config % 4]
    if code == 3:
        return frame * (packet[1] & 0x3F) if len(packet) > 1 else 0
    return frame * (1 if code == 0 else 2)
