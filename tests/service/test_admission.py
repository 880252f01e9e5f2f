"""Places for requests: counted, given back, and asked for before anything is read."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from viva.errors import Overloaded
from viva.service.admission import Admission


def test_there_is_room_until_every_place_is_taken() -> None:
    """Asking whether there is room takes no place; each refusal is counted."""
    registry = CollectorRegistry()
    admission = Admission(
        1, Gauge("active", "", registry=registry), Counter("shed", "", registry=registry), refusal="Full."
    )
    admission.require_room()
    with admission.place():
        assert registry.get_sample_value("active") == 1
        with pytest.raises(Overloaded, match="Full"):
            admission.require_room()
        with pytest.raises(Overloaded, match="Full"), admission.place():
            pass
    admission.require_room()
    assert (registry.get_sample_value("active"), registry.get_sample_value("shed_total")) == (0, 2)
