"""A fixture for the tests of whoever has this package installed: simulated devices.

pytest finds it by itself. What it needs is imported when a test asks for it, so that other tests
do not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulators.simulated import SimulatedDevice


@pytest.fixture
def simulated_device() -> Iterator[Callable[..., SimulatedDevice]]:
    """Makes devices: the arguments are those of ``SimulatedDevice``.

    With a broker they are connected, and leave at the end of the test.

    ::

        def test_the_backend_stores_what_a_meter_sends(simulated_device):
            meter = simulated_device(
                "smart-meter", "meter-1", "tpd_...", broker=Address("127.0.0.1", 1883)
            )
            sent = meter.publish()
            assert backend.newest("meter-1") == sent
    """
    from simulators.simulated import SimulatedDevice

    with ExitStack() as devices:

        def connected(*arguments: Any, **options: Any) -> SimulatedDevice:
            return devices.enter_context(SimulatedDevice(*arguments, **options))

        yield connected
