"""Who is recognised next, shown with workers that wait until they are told."""

import asyncio
from collections.abc import Sequence

import pytest

from viva.errors import Overloaded, StageUnavailable
from viva.service.metrics import ServiceMetrics
from viva_asr.engine import Options
from viva_asr.metrics import AsrMetrics
from viva_asr.scheduler import Scheduler, Ticket
from viva_asr.segmenter import Speech
from viva_asr.transcript import Hypothesis, Segment

OPTIONS = Options()
PARTIAL = Options(partial=True)


class HeldWorker:
    """Records what it is given and answers when released."""

    def __init__(self, *, reserved: bool = False, batch_size: int = 1) -> None:
        self.reserved = reserved
        self.batch_size = batch_size
        self.given: list[list[float]] = []
        self.cancelled = 0
        self.error: Exception | None = None
        self.release = asyncio.Event()
        self.settled = asyncio.Event()
        self.settled.set()

    async def transcribe(self, batch: Sequence[Speech], options: Options) -> list[Hypothesis]:
        self.given.append([speech.start_s for speech in batch])
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return [Hypothesis((Segment(0.0, 1.0, str(speech.start_s)),)) for speech in batch]

    async def settle(self) -> None:
        await self.settled.wait()


def speech(start_s: float) -> Speech:
    return Speech(start_s, bytes(32_000))


def scheduler_of(*workers: HeldWorker, max_queued_s: float = 1_000, max_interactive_s: float = 100) -> Scheduler:
    return Scheduler(
        workers,
        AsrMetrics(ServiceMetrics()),
        max_queued_s=max_queued_s,
        max_queued_interactive_s=max_interactive_s,
    )


def submit(ticket: Ticket, *starts: float, options: Options = OPTIONS) -> list["asyncio.Future[Hypothesis]"]:
    return [ticket.submit(speech(start), options) for start in starts]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_would_be_refused_anyway_is_refused_before_it_is_read() -> None:
    """From when the queue of its kind is full; the other kind is let in."""
    scheduler = scheduler_of(HeldWorker(), max_interactive_s=10)
    scheduler.require_room(interactive=True)
    with scheduler.admit(10, interactive=True):
        with pytest.raises(Overloaded) as caught:
            scheduler.require_room(interactive=True)
        assert caught.value.retry_after_s >= 1
        scheduler.require_room(interactive=False)
    scheduler.require_room(interactive=True)


async def test_questions_overtake_lectures() -> None:
    """An interactive segment that comes last is taken before all waiting segments of a lecture."""
    worker = HeldWorker()
    scheduler = scheduler_of(worker)
    lecture = submit(scheduler.admit(100, interactive=False), 1, 2, 3)
    await settle()
    question = submit(scheduler.admit(3, interactive=True), 50)
    worker.release.set()
    await asyncio.gather(*lecture, *question)
    assert worker.given == [[1], [50], [2], [3]]


async def test_a_reserved_worker_waits_for_questions() -> None:
    """A lecture never occupies the reserved worker, which therefore takes a question at once."""
    reserved, ordinary = HeldWorker(reserved=True), HeldWorker()
    scheduler = scheduler_of(ordinary, reserved)
    submit(scheduler.admit(100, interactive=False), 1, 2)
    submit(scheduler.admit(3, interactive=True), 50)
    await settle()
    assert (ordinary.given, reserved.given) == ([[1]], [[50]])
    await scheduler.close()


async def test_batches_hold_equal_options() -> None:
    """A worker that takes several gets those whose options agree, in order."""
    worker = HeldWorker(batch_size=3)
    worker.release.set()
    scheduler = scheduler_of(worker)
    ticket = scheduler.admit(100, interactive=False)
    first = submit(ticket, 1)
    results = [*first, *submit(ticket, 2, 3), *submit(ticket, 4, options=Options(language="de")), *submit(ticket, 5)]
    await asyncio.gather(*results)
    assert worker.given == [[1], [2, 3], [4], [5]]


async def test_too_much_waiting_audio_is_refused() -> None:
    """Beyond the limit a recording is told Overloaded with a time to wait; leaving makes room again."""
    scheduler = scheduler_of(HeldWorker(), max_queued_s=100)
    with scheduler.admit(90, interactive=False):
        with pytest.raises(Overloaded) as caught:
            scheduler.admit(20, interactive=False)
        assert caught.value.retry_after_s >= 1
        scheduler.admit(5, interactive=True)
    scheduler.admit(20, interactive=False)


async def test_an_empty_queue_takes_any_length() -> None:
    """A recording longer than the limit is let in when nothing waits, else it never could be."""
    scheduler = scheduler_of(HeldWorker(), max_queued_s=100)
    assert scheduler.admit(5_000, interactive=False).remaining_s == 5_000


async def test_progress_makes_room() -> None:
    """What has been recognised of a recording no longer counts as waiting."""
    scheduler = scheduler_of(HeldWorker(), max_queued_s=100)
    ticket = scheduler.admit(90, interactive=False)
    ticket.progress(60)
    assert scheduler.queued_s(False) == 30
    scheduler.admit(60, interactive=False)


async def test_leaving_stops_the_work() -> None:
    """A cancelled segment is stopped in its worker, waiting ones are never begun, and the worker goes on."""
    worker = HeldWorker()
    scheduler = scheduler_of(worker)
    ticket = scheduler.admit(100, interactive=False)
    gone = submit(ticket, 1, 2)
    await settle()
    for result in gone:
        result.cancel()
    await settle()
    assert worker.cancelled == 1
    (stays,) = submit(ticket, 3)
    worker.release.set()
    await stays
    assert worker.given == [[1], [3]]


async def test_a_batch_goes_on_while_one_of_it_is_wanted() -> None:
    """One client's leaving does not take the others' segments with it."""
    worker = HeldWorker(batch_size=2)
    scheduler = scheduler_of(worker)
    ticket = scheduler.admit(100, interactive=False)
    submit(ticket, 0)
    left, stays = submit(ticket, 1, 2)
    worker.release.set()
    await settle()
    left.cancel()
    assert (await stays).segments[0].text == "2"


async def test_a_failing_worker_fails_the_segment_and_goes_on() -> None:
    """An error reaches the recording whose segment it was; the next segment is recognised."""
    worker = HeldWorker()
    worker.release.set()
    worker.error = StageUnavailable("asr", "Broken.")
    scheduler = scheduler_of(worker)
    ticket = scheduler.admit(100, interactive=False)
    with pytest.raises(StageUnavailable):
        await submit(ticket, 1)[0]
    worker.error = None
    assert (await submit(ticket, 2)[0]).segments[0].text == "2"


async def test_words_being_spoken_go_before_lectures() -> None:
    """A partial that comes last is taken before the waiting segments of a lecture."""
    worker = HeldWorker()
    scheduler = scheduler_of(worker)
    lecture = submit(scheduler.admit(100, interactive=False), 1, 2)
    await settle()
    partial = scheduler.offer_partial(speech(70), PARTIAL)
    worker.release.set()
    await asyncio.gather(*lecture, partial)
    assert worker.given == [[1], [70], [2]]


async def test_no_partial_while_a_question_waits() -> None:
    """A question that no worker is free for leaves no room: partials that wait are dropped, others are refused."""
    worker = HeldWorker()
    scheduler = scheduler_of(worker)
    submit(scheduler.admit(100, interactive=False), 1)
    await settle()
    partial = scheduler.offer_partial(speech(70), PARTIAL)
    (question,) = submit(scheduler.admit(3, interactive=True), 50)
    assert partial.cancelled()
    assert scheduler.offer_partial(speech(71), PARTIAL) is None
    worker.release.set()
    await question
    assert worker.given == [[1], [50]]


async def test_a_partial_keeps_no_question_waiting() -> None:
    """With a partial under way, the reserved worker and one more take questions at once."""
    reserved, first, second = HeldWorker(reserved=True), HeldWorker(), HeldWorker()
    scheduler = scheduler_of(reserved, first, second)
    assert scheduler.offer_partial(speech(70), PARTIAL) is not None
    await settle()
    submit(scheduler.admit(3, interactive=True), 50, 51)
    await settle()
    assert sorted(worker.given for worker in (reserved, first, second)) == [[[50]], [[51]], [[70]]]
    assert second.cancelled == 0
    await scheduler.close()


async def test_a_question_without_a_worker_pushes_a_partial_out() -> None:
    """When no worker is free for a question, the partial's is made free."""
    reserved, ordinary = HeldWorker(reserved=True), HeldWorker()
    scheduler = scheduler_of(reserved, ordinary)
    partial = scheduler.offer_partial(speech(70), PARTIAL)
    await settle()
    submit(scheduler.admit(3, interactive=True), 50, 51)
    await settle()
    assert partial.cancelled()
    assert ordinary.given == [[70], [51]]
    await scheduler.close()


async def test_a_question_goes_to_the_worker_that_is_free_first() -> None:
    """A worker that was told to stop but cannot is no place for a question: another may be free before it."""
    reserved, ordinary = HeldWorker(reserved=True), HeldWorker()
    ordinary.settled.clear()
    scheduler = scheduler_of(reserved, ordinary)
    scheduler.offer_partial(speech(70), PARTIAL)
    await settle()
    first, second = submit(scheduler.admit(3, interactive=True), 50, 51)
    await settle()
    reserved.release.set()
    await asyncio.gather(first, second)
    assert (reserved.given, ordinary.given) == ([[50], [51]], [[70]])
    await scheduler.close()


async def test_questions_have_the_cores() -> None:
    """While a question is being recognised there are fewer partials, on a small machine none."""
    scheduler = scheduler_of(HeldWorker(reserved=True), HeldWorker(), HeldWorker())
    (question,) = submit(scheduler.admit(3, interactive=True), 50)
    await settle()
    assert scheduler.offer_partial(speech(70), PARTIAL) is None
    question.cancel()
    await settle()
    assert scheduler.offer_partial(speech(70), PARTIAL) is not None
    await scheduler.close()


async def test_no_more_partials_than_places() -> None:
    """Past what the workers take together the next is refused, until one has ended."""
    scheduler = scheduler_of(HeldWorker(reserved=True), HeldWorker(), worker := HeldWorker(batch_size=2))
    taken = [scheduler.offer_partial(speech(70 + number), PARTIAL) for number in range(3)]
    assert [result is not None for result in taken] == [True, True, False]
    worker.release.set()
    await asyncio.gather(*taken[:2])
    assert scheduler.offer_partial(speech(80), PARTIAL) is not None
    await scheduler.close()


async def test_partials_do_not_starve_lectures() -> None:
    """A worker that has done a partial takes a lecture's segment next, if one waits."""
    worker = HeldWorker()
    scheduler = scheduler_of(HeldWorker(reserved=True), worker)
    partial = scheduler.offer_partial(speech(70), PARTIAL)
    await settle()
    lecture = submit(scheduler.admit(100, interactive=False), 1, 2)
    again: list[asyncio.Future] = []

    def offer_the_next(_: asyncio.Future) -> None:
        again.append(scheduler.offer_partial(speech(71), PARTIAL))

    partial.add_done_callback(offer_the_next)
    worker.release.set()
    await asyncio.gather(*lecture)
    assert worker.given[:2] == [[70], [1]]
    await asyncio.gather(*again)


async def test_closing_cancels_everything() -> None:
    """Nothing waits for ever on a scheduler that was closed."""
    scheduler = scheduler_of(HeldWorker())
    results = submit(scheduler.admit(100, interactive=False), 1, 2)
    await settle()
    await scheduler.close()
    assert all(result.cancelled() for result in results)
