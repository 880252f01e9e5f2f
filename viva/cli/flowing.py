"""Text that is printed as it comes, wrapped at words, every line indented alike."""

from collections.abc import Callable


class FlowingText:
    """Wraps pieces of text into lines; a word is written when it is complete, so that none is cut by a line's end.

    `write` gets what is to be printed. The first line continues where the cursor is, at column `indent`.
    """

    def __init__(self, write: Callable[[str], None], *, width: int, indent: int) -> None:
        self._write = write
        self._width = width
        self._indent = indent
        self._column = indent
        self._word = ""
        self._space = False

    def feed(self, text: str) -> None:
        """Takes the next piece; control characters in it are dropped."""
        for character in text:
            if character.isspace():
                self._end_word()
            elif character.isprintable():
                self._word += character

    def flush(self) -> None:
        """Writes the last word."""
        self._end_word()

    def _end_word(self) -> None:
        if not self._word:
            return
        needed = len(self._word) + self._space
        if self._space and self._column + needed > self._width:
            self._write("\n" + " " * self._indent)
            self._column = self._indent
            self._space = False
            needed -= 1
        self._write((" " if self._space else "") + self._word)
        self._column += needed
        self._word = ""
        self._space = True
