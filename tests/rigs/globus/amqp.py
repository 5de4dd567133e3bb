"""The stand-in's side of the broker: declare, publish so that nothing is lost, and listen.

Connections may be closed at any time, by a test or by the broker: both sides open them again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError


def _connect(url: str) -> pika.BlockingConnection:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 0  # nobody serves these connections between two requests
    return pika.BlockingConnection(parameters)


class Publisher:
    """One connection for all threads. What it publishes has been accepted by the broker when it returns."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: pika.BlockingConnection | None = None
        self._channel: Any = None

    def declare(self, queue: str, exchange: str | None = None) -> None:
        """A durable queue, bound to the exchange under its own name."""

        def work(channel: Any) -> None:
            channel.queue_declare(queue, durable=True)
            if exchange:
                channel.exchange_declare(exchange, "direct", durable=True)
                channel.queue_bind(queue, exchange, routing_key=queue)

        self._with_channel(work)

    def bind(self, queue: str, exchange: str, key: str) -> None:
        def work(channel: Any) -> None:
            channel.exchange_declare(exchange, "direct", durable=True)
            channel.queue_bind(queue, exchange, routing_key=key)

        self._with_channel(work)

    def publish(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        made = pika.BasicProperties(**properties)
        self._with_channel(lambda channel: channel.basic_publish(exchange, key, body, made))

    def close(self) -> None:
        with self._lock, suppress(AMQPError):
            if self._connection is not None and self._connection.is_open:
                self._connection.close()

    def _with_channel(self, work: Callable[[Any], None]) -> None:
        with self._lock:
            try:
                work(self._opened())
            except AMQPError:
                # It was closed since the last time. Twice published is harmless: a task has its id.
                self._connection = None
                work(self._opened())

    def _opened(self) -> Any:
        if self._connection is None or not self._connection.is_open:
            self._connection = _connect(self._url)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel


class Listener:
    """A thread that hands each message of a queue to `heard`, and acknowledges it afterwards."""

    def __init__(self, url: str, queue: str, heard: Callable[[bytes], None]) -> None:
        self._url, self._queue, self._heard = url, queue, heard
        self._connection: pika.BlockingConnection | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"listens to {queue}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._listen()
            except AMQPError:
                self._ended.wait(0.1)

    def _listen(self) -> None:
        connection = _connect(self._url)
        try:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=100)
            channel.basic_consume(self._queue, self._on_message)
            while not self._ended.is_set():
                connection.process_data_events(0.2)
        finally:
            if connection.is_open:
                connection.close()

    def _on_message(self, channel: BlockingChannel, method: Any, _properties: Any, body: bytes) -> None:
        self._heard(body)
        channel.basic_ack(method.delivery_tag)
