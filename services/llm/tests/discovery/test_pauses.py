"""How long the pauses between attempts are."""

from viva_llm.discovery.pauses import Pauses


def test_pauses_double_up_to_the_most():
    """Without chance each is twice the last, until the longest; a success begins anew."""
    pauses = Pauses(0.5, 3, chance=lambda: 1.0)
    assert [pauses.next_s() for _ in range(5)] == [0.5, 1, 2, 3, 3]
    pauses.reset()
    assert pauses.next_s() == 0.5


def test_chance_spreads_pauses():
    """Each pause is between half of it and all of it, so that many pods do not come back at once."""
    assert Pauses(8, 8, chance=lambda: 0.0).next_s() == 4
    assert Pauses(8, 8, chance=lambda: 0.5).next_s() == 6
