"""The modules that calculate, each by itself, in the browser that runs them."""

from itertools import pairwise

import pytest
from playwright.sync_api import Page

JITTER = """async ([steps]) => {
  const { JitterBuffer } = await import("/web/jitter_buffer.js");
  const buffer = new JitterBuffer(24000);
  const output = [], reports = [];
  for (const [what, item, count] of steps) {
    if (what === "push") buffer.push(item, new Float32Array(count).fill(0.5));
    if (what === "end") buffer.end(item);
    if (what === "stop") buffer.stop();
    for (let left = what === "read" ? count : 0; left > 0; left -= 128) {
      const block = new Float32Array(128);
      for (const { type, item, samples } of buffer.read(block)) reports.push([type, item, samples]);
      output.push(...block);
    }
  }
  return { output, reports };
}"""


def played(page: Page, *steps: list) -> tuple[list[float], list[list]]:
    """What a jitter buffer puts out and reports: steps are ["push", item, samples], ["read", "", samples] and so on."""
    result = page.evaluate(JITTER, [list(steps)])
    return result["output"], [report for report in result["reports"] if report[0] != "played"]


def test_playback_waits_for_a_start_that_lasts(page):
    """Less than 100 ms is not played at once, for the next piece may be late; but not kept for ever either."""
    output, _ = played(page, ["push", "a", 1200], ["read", "", 1280])
    assert not any(output)
    output, reports = played(page, ["push", "a", 1200], ["read", "", 1280], ["push", "a", 1200], ["read", "", 1280])
    assert output[-1] == 0.5
    assert reports == [["started", "a", 0]]
    output, _ = played(page, ["push", "a", 1200], ["read", "", 6400])
    assert any(output)


def test_pieces_that_arrive_in_time_are_played_without_a_seam(page):
    """Every sample as it came, but for the first 6 ms, which fade in, to the last of an item that is complete."""
    output, reports = played(page, ["push", "a", 3000], ["push", "a", 100], ["end", "a", 0], ["read", "", 6400])
    sounding = [value for value in output if value]
    assert len(sounding) == 3100
    assert set(sounding[144:]) == {0.5}
    assert reports == [["started", "a", 0], ["finished", "a", 3100]]


def test_what_runs_dry_fades_out(page):
    """No step to silence when the next piece is late; it goes on when it comes."""
    output, reports = played(page, ["push", "a", 4800], ["read", "", 6400], ["push", "a", 4800], ["read", "", 6400])
    assert max(abs(after - before) for before, after in pairwise(output)) < 0.01
    assert [kind for kind, *_ in reports] == ["started", "starved", "starved"]


def test_a_stop_fades_out_and_says_how_much_was_played(page):
    """What waits is dropped; what comes after it belongs to the next answer and is played."""
    output, reports = played(
        page, ["push", "a", 9600], ["read", "", 1280], ["stop", "", 0], ["push", "b", 4800], ["end", "b", 0],
        ["read", "", 12800],
    )  # fmt: skip
    last = max(at for at, value in enumerate(output) if value)
    assert max(abs(after - before) for before, after in pairwise(output[: last + 1])) < 0.01
    stopped = next(samples for kind, item, samples in reports if (kind, item) == ("stopped", "a"))
    assert 1280 < stopped <= 1280 + 256
    assert ["finished", "b", 4800] in reports


RESAMPLE = """async ([from, to, hz, seconds]) => {
  const { Resampler } = await import("/web/resampler.js");
  const resampler = new Resampler(from, to);
  const output = [];
  const wave = Float32Array.from({ length: from * seconds }, (_, i) => Math.sin((2 * Math.PI * hz * i) / from));
  for (let at = 0; at < wave.length; at += 128) output.push(...resampler.feed(wave.subarray(at, at + 128)));
  return output;
}"""


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_tone_of_speech_keeps_its_loudness_at_another_rate(page, rate):
    """Whatever the device records at, 1 kHz comes out as it went in, and as many samples as there should be."""
    output = page.evaluate(RESAMPLE, [rate, 24_000, 1000, 0.5])
    assert abs(len(output) - 12_000) < 60
    middle = output[2000:10_000]
    assert abs(sum(value * value for value in middle) / len(middle) - 0.5) < 0.01


def test_what_the_lower_rate_cannot_hold_is_taken_out(page):
    """16 kHz would come back as 8 kHz, in the middle of speech."""
    output = page.evaluate(RESAMPLE, [48_000, 24_000, 16_000, 0.5])[2000:10_000]
    assert max(map(abs, output)) < 0.01


def test_the_receipt_adds_up_to_the_first_sound(page):
    """Stages one after another from durations and moments; what did not run is left out."""
    stages = page.evaluate(
        """async (receipt) => (await import("/web/receipt.js")).stages(receipt).map(({ name, ms }) => [name, ms])""",
        {"asr_ms": 80, "recall_ms": 5, "llm_first_token_ms": 120, "first_sentence_ms": 150, "tts_first_audio_ms": 60,
         "first_audio_ms": 210, "total_ms": 900},
    )  # fmt: skip
    assert stages == [["hear", 80], ["first word", 40], ["first clause", 30], ["speak", 60]]


@pytest.mark.parametrize(
    ("seconds", "clock", "spoken"),
    [
        (0, "0:00", "0 seconds"),
        (61.9, "1:01", "1 minute 1 second"),
        (3723, "1:02:03", "1 hour 2 minutes 3 seconds"),
    ],
)
def test_times_are_written_and_said_as_people_do(page, seconds, clock, spoken):
    """Never rounded up: a citation that begins at 1:01.9 is at 1:01."""
    times = """async (seconds) => {
      const { clock, spokenClock } = await import("/web/times.js");
      return [clock(seconds), spokenClock(seconds)];
    }"""
    assert page.evaluate(times, seconds) == [clock, spoken]
