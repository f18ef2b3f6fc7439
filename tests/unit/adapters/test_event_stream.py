"""Server-sent events are read as they are meant, wherever the network cuts them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.adapters.locust.event_stream import Event, Events

STREAM = (
    b": alive\n\n"
    b'id: 1\nevent: offer\ndata: {"insurer": "alpha"}\n\n'
    b"data: first\ndata: second\n\n"
    b"event: nothing\n\n"
    b"event:done\r\ndata:{}\r\n\r\n"
    b"event: cut off\ndata: x\n"
)
EVENTS = [
    Event("offer", '{"insurer": "alpha"}'),
    Event("message", "first\nsecond"),
    Event("done", "{}"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    events, told = Events(), []
    for start, end in itertools.pairwise(places):
        told += events.take(STREAM[start:end])
    assert told == events.all == EVENTS


@pytest.mark.parametrize(("text", "content"), [('{"a": 1}', {"a": 1}), ("no JSON", None)])
def test_an_event_that_is_no_json_has_no_content(text: str, content: object) -> None:
    assert Event("offer", text).json() == content
