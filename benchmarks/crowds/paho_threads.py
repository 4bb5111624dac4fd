"""``python -m benchmarks.crowds.paho_threads JOB``: a paho client with its thread for a device."""

from __future__ import annotations

import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.crowds import Done, Job, job, payload, tell


class Crowd:
    """All clients; threads of paho count the acknowledgements."""

    def __init__(self, todo: Job) -> None:
        self.todo = todo
        self.acknowledged = [0] * todo.devices
        self.clients = [self.client(index, name) for index, name in enumerate(todo.names)]

    def client(self, index: int, name: str) -> mqtt.Client:
        """A connected client with a thread of its own."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
        client.username_pw_set(name, name)

        def count(*_: object) -> None:
            self.acknowledged[index] += 1

        client.on_publish = count
        client.connect("127.0.0.1", self.todo.port)
        client.loop_start()
        return client

    def publish(self) -> None:
        """Publish one after another, each when it is due, or as soon as that can be."""
        began, gap = time.monotonic(), self.todo.interval / self.todo.devices
        number = 0
        while (now := time.monotonic()) < began + self.todo.seconds:
            if (due := began + number * gap) > now:
                time.sleep(due - now)
            index = number % self.todo.devices
            topic = f"devices/{self.todo.names[index]}/telemetry"
            self.clients[index].publish(topic, payload(number), qos=1)
            number += 1


def main() -> None:
    """Connect, then publish."""
    todo = job()
    started = time.monotonic()
    crowd = Crowd(todo)
    while sum(client.is_connected() for client in crowd.clients) < todo.devices:
        time.sleep(0.05)
    connected = time.monotonic() - started
    started, cpu = time.monotonic(), time.process_time()
    crowd.publish()
    tell(
        Done(
            connections=sum(client.is_connected() for client in crowd.clients),
            connect_s=connected,
            acknowledged=sum(crowd.acknowledged),
            seconds=time.monotonic() - started,
            cpu_s=time.process_time() - cpu,
        )
    )
    for client in crowd.clients:
        client.disconnect()


if __name__ == "__main__":
    main()
