"""What came out of the page's loudspeaker, sample by sample."""

import base64
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

RATE_HZ = 24_000
HERE = Path(__file__).parent
_READ = """() => {
  const blocks = window.heardBlocks;
  const all = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) { all.set(block, at); at += block.length; }
  const bytes = new Uint8Array(all.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""


class Loudspeaker:
    """Listens in on a page from before it is opened."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(path=HERE / "listen_in.js")

    def samples(self) -> np.ndarray:
        """Everything since the page was opened: float32, silence included."""
        return np.frombuffer(base64.b64decode(self._page.evaluate(_READ)), dtype="<f4")

    def sounding(self) -> int:
        """How many samples were not silent."""
        return int(np.count_nonzero(self.samples()))

    def is_silent_now(self) -> bool:
        """Whether the last tenth of a second was silent."""
        last = self.samples()[-RATE_HZ // 10 :]
        return len(last) > 0 and not last.any()
