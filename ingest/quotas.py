"""How many values a device, and all devices of a tenant, may send: token buckets.

The clock is the arrival of the messages, so that messages that are stored again after a crash
are decided alike, but for what the buckets held before. Each worker has buckets of its own:
several of them together let through as many times the quota.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.payloads import Reason, Rejection

# What was not used in so many seconds may be sent at once.
BURST_SECONDS = 60


@dataclass(slots=True)
class Bucket:
    """What one quota still allows.

    Attributes:
        owner: whose quota it is, for people.
        rate: values per second.
        level: values that may be sent now.
        at: µs since 1970, when the level was right.
    """

    owner: str
    rate: float
    level: float
    at: int = 0

    @property
    def capacity(self) -> float:
        """Values that may be sent at once after a pause."""
        return self.rate * BURST_SECONDS

    def refill(self, now: int) -> None:
        """Add what time has brought; time that goes back brings nothing."""
        if now > self.at:
            self.level += (now - self.at) / 1e6 * self.rate
            self.at = now
        self.level = min(self.level, self.capacity)

    def refusal(self, cost: int) -> str:
        """Why a message of ``cost`` values does not pass, in a sentence."""
        if cost > self.capacity:
            return (
                f"this message counts as {cost} values, and the quota of {self.owner} allows at "
                f"most {self.capacity:g} at once: send smaller messages, or have the quota raised"
            )
        return (
            f"the quota of {self.owner}, {self.rate:g} values per second, is used up, and this "
            f"message counts as {cost}: send less often, or have the quota raised; "
            "then the message can be replayed"
        )


@dataclass(slots=True)
class Quotas:
    """The quotas of the devices that ingest knows.

    Attributes:
        limited: device id to its buckets: its own, its tenant's, or both. Others have no quota.
    """

    limited: dict[str, list[Bucket]] = field(default_factory=dict)
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def learn(
        self, device: str, device_rate: float | None, tenant: str, tenant_rate: float | None
    ) -> None:
        """Note the quotas of a device and of its tenant, in values per second; None: none."""
        buckets = [
            self._bucket(owner, rate)
            for owner, rate in (
                (f"device {device!r}", device_rate),
                (f"tenant {tenant!r}", tenant_rate),
            )
            if rate is not None
        ]
        if buckets:
            self.limited[device] = buckets
        else:
            self.limited.pop(device, None)

    def _bucket(self, owner: str, rate: float) -> Bucket:
        """The bucket of an owner: the one from before where there is one, full where it is new."""
        bucket = self._buckets.setdefault(owner, Bucket(owner, rate, rate * BURST_SECONDS))
        bucket.rate = rate
        return bucket

    def forget(self, device: str = "") -> None:
        """Forget whose quota is what; empty: of every device. What the buckets hold stays."""
        if device:
            self.limited.pop(device, None)
        else:
            self.limited.clear()

    def charge(self, device: str, values: int, now: int) -> Rejection | None:
        """Count a message; why it does not pass where it does not.

        Args:
            device: one of ``limited``.
            values: how many the message has; it counts as one at least.
            now: its arrival, µs since 1970.
        """
        cost = max(1, values)
        buckets = self.limited.get(device, [])
        for bucket in buckets:
            bucket.refill(now)
            if bucket.level < cost:
                return Rejection(Reason.QUOTA, bucket.refusal(cost))
        for bucket in buckets:
            bucket.level -= cost
        return None
