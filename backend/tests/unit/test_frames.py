"""The frame codec: whatever is sent arrives, however the stream is cut."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom import frames
from greenroom.frames import AnyMessage, Decoder, Encode, Encoded, Frame, FrameError, Imported, Ready, StageStep, Stop

MESSAGES: st.SearchStrategy[AnyMessage] = st.one_of(
    st.builds(Stop),
    st.builds(Imported, st.integers(0, 1 << 40), st.booleans()),
    st.builds(StageStep, st.text(), st.floats(0, 1e12), st.floats(1, 1e12), st.text()),
    st.builds(Encode, st.integers(0, 1 << 40), st.lists(st.text(), max_size=4), st.none() | st.floats(0, 1e6)),
    st.builds(Encoded, st.integers(0, 1 << 40), st.integers(1, 4096), st.lists(st.integers(0, 512), max_size=4)),
    st.builds(Ready, st.just(384), st.just(256), st.just("cpu"), st.text(), st.dictionaries(st.text(), st.booleans())),
)


@given(sent=st.lists(st.tuples(MESSAGES, st.binary(max_size=64)), max_size=6), data=st.data())
def test_frames_arrive_whole_and_in_order_however_the_stream_is_cut(
    sent: list[tuple[AnyMessage, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frames.encode(message, body) for message, body in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = Decoder()
    arrived: list[Frame] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        arrived.extend(decoder.feed(stream[start:end]))
    assert arrived == [Frame(message, body) for message, body in sent]


def test_a_body_is_carried_as_it_lies_in_memory() -> None:
    numbers = memoryview(struct.pack("<3f", 1.0, 2.0, 3.0)).cast("f")
    [frame] = Decoder().feed(frames.encode(Encoded(1, 3, [2]), numbers.cast("B")))
    assert frame.body == struct.pack("<3f", 1.0, 2.0, 3.0)


def test_an_oversized_frame_is_refused_before_it_arrives() -> None:
    announced = struct.pack("<II", 8, frames.MAX_FRAME_BYTES)
    with pytest.raises(FrameError, match="allowed"):
        list(Decoder().feed(announced))


@pytest.mark.parametrize("header", [b"\xc1", b"\x81\xa4type\xa7Unknown", b"\x00"])
def test_a_header_that_is_no_message_is_refused(header: bytes) -> None:
    with pytest.raises(FrameError, match="undecodable"):
        list(Decoder().feed(struct.pack("<II", len(header), 0) + header))


def test_half_a_frame_yields_nothing_yet() -> None:
    whole = frames.encode(Stop())
    assert list(Decoder().feed(whole[:-1])) == []
