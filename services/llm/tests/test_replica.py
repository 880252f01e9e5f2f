"""A replica's load and models."""

import pytest

from viva_llm.engine import ServedModel
from viva_llm.failure import Failure, Reason
from viva_llm.health import Health
from viva_llm.load import Load
from viva_llm.replica import Replica


class Clock:
    """A clock that is set by hand, in seconds."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """An engine that says what a test tells it."""

    def __init__(self) -> None:
        self.says: Load | Exception | None = Load(3, 1, 0.5, 10, 5)
        self.models: tuple[ServedModel, ...] = ()
        self.times_asked = 0
        self.probes = 0

    async def load(self) -> Load | None:
        """What it was told to say."""
        self.times_asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def probe(self) -> tuple[ServedModel, ...]:
        """Its models."""
        self.probes += 1
        return self.models


@pytest.fixture
def clock() -> Clock:
    """The replica's clock."""
    return Clock()


@pytest.fixture
def replica(clock) -> Replica:
    """A replica whose load counts for 3 s."""
    return Replica("r", Server(), Health(10), load_lasts_s=3, clock=clock)


async def test_load_counts_until_it_is_old(replica, clock):
    """What a server said of its load is believed for a while, and then only what we know ourselves."""
    release = replica.take()
    assert (replica.busy, replica.queueing) == (1, False)
    await replica.read_load(1)
    assert (replica.busy, replica.queueing) == (4, True)
    clock.now += 3.1
    assert (replica.busy, replica.queueing, replica.body()["running"]) == (1, False, None)
    release()
    assert replica.busy == 0


async def test_our_own_requests_count_when_they_are_more(replica):
    """A load that was read before our last requests does not hide them."""
    await replica.read_load(1)
    for _ in range(6):
        replica.take()
    assert replica.busy == 6


@pytest.mark.parametrize("trouble", [Failure(Reason.CONNECT, "gone"), TimeoutError(), ValueError("odd")])
async def test_load_that_cannot_be_read_just_grows_old(replica, trouble):
    """Trouble with metrics is no fault of answers, and the next reading is tried."""
    await replica.read_load(1)
    replica.engine.says = trouble
    await replica.read_load(1)
    assert replica.fresh_load is not None
    assert replica.health.available
    assert replica.engine.times_asked == 2


async def test_server_without_metrics_is_seldom_asked(replica, clock):
    """A hosted API is not asked for vLLM's metrics every second."""
    replica.engine.says = None
    for _ in range(5):
        await replica.read_load(1)
    assert replica.engine.times_asked == 1
    clock.now += 60
    replica.engine.says = Load(1, 0, 0.0, 0, 0)
    await replica.read_load(1)
    assert replica.busy == 1


async def test_server_without_metrics_is_not_probed_while_it_answers(replica):
    """A server that does one thing at a time is not asked for its models in the middle of an answer of ours; one that
    tells its load is, since it may hang."""
    release = replica.take()
    for number, (said, probes) in enumerate([(Load(1, 0, 0.0, 0, 0), 1), (None, 1), (None, 2)]):
        replica.engine.says = said
        await replica.read_load(1)
        if number == 2:
            release()
        await replica.probe(1, learns_model=False)
        assert replica.engine.probes == probes


async def test_model_is_learned_when_none_is_named(replica):
    """The named model is asked for, else the server's first; a server without any is told of in a sentence."""
    assert await replica.model_for("m") == "m"
    with pytest.raises(Failure, match="names no model"):
        await replica.model_for("")
    replica.engine.models = (ServedModel("first"), ServedModel("second"))
    assert await replica.model_for("") == "first"
