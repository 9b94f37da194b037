"""No test of the data may open a connection."""

import socket

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Connections are refused."""

    def refuse(*_):
        raise AssertionError("tried to use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
