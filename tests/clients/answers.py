"""What the clients ask, and what is a right answer."""

from difflib import SequenceMatcher

from viva.client import VivaClient

QUESTION = "Who made the first integrated circuit?"
FOLLOW_UP = "And what year was that?"
SLOW_ANSWER = (
    "The first circuit was made by Jack Kilby in the summer of the year nineteen fifty eight [1]. "
    "He was new at the company and had no holidays yet, so he was alone in the laboratory for two weeks. "
    "He used a piece of germanium as long as a paper clip, and joined its parts by wires of gold. "
    "When he switched it on in September, a wave appeared on the screen, and everybody in the room was quiet. "
)
LOUD = 1000  # of 32,767; silence is under 60


def words(text: str) -> list[str]:
    """Its words alone."""
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


SLOW_WORDS = words(SLOW_ANSWER.replace("[1]", ""))


def understood(transcript: str, said: str) -> bool:
    """Whether most of the words are those that were said, in their order: recognisers are wrong about some."""
    blocks = SequenceMatcher(None, words(said), words(transcript), autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) >= 0.6 * max(len(words(said)), len(words(transcript)))


def says_the_year(answer: str) -> bool:
    """Whether it is the answer to the follow-up, however the recogniser wrote the number."""
    return "1958" in answer or {"fifty", "eight"} <= set(words(answer))


def turns(client: VivaClient, session_id: str) -> list[dict]:
    """The questions and answers of a session as they are stored."""
    return list(client.session(session_id).turns)
