"""WebSockets as they should not be (RFC 6455 says what they should). Each case says one wrong thing."""

from __future__ import annotations

from random import Random

from bench.malformed_wire import Case, Wire, frame, upgrade

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def bad_handshake(wire: Wire, random: Random) -> None:
    headers = random.choice([
        {"Sec_WebSocket_Key": ""}, {"Sec_WebSocket_Key": "short"}, {"Sec_WebSocket_Key": "\u00ff" * 24},
        {"Sec_WebSocket_Version": ""}, {"Sec_WebSocket_Version": "12"}, {"Sec_WebSocket_Version": "99"},
        {"Sec_WebSocket_Version": "13, 13"}, {"Upgrade": ""}, {"Upgrade": "websocket, h2c"}, {"Connection": "close"},
        {"Connection": ""}, {"Sec_WebSocket_Protocol": "other.v9"}, {"Sec_WebSocket_Protocol": "," * 500},
        {"Sec_WebSocket_Protocol": "\u00ff"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; server_max_window_bits=99"},
        {"Sec_WebSocket_Extensions": ";;;"}, {"Sec_WebSocket_Extensions": "x" * 5_000}, {"Origin": "null"},
        {"Origin": "https://evil.example"}, {"Origin": "http://["}, {"Host": "evil.example"}, {"Host": ""},
        {"Content_Length": "5"}, {"Transfer_Encoding": "chunked"}, {"Origin": "\u00ff"},
    ])  # fmt: skip
    wire.send(upgrade(wire.port, "/ws/init/malformed", **headers))


def bad_address(wire: Wire, random: Random) -> None:
    path = random.choice(["/ws/init/", "/ws/init/a%20b", "/ws/init/" + "a" * 65, "/ws/init/%00", "/ws/init/%ff",
                          "/ws/init/é",
                          "/ws/init/x?models=nobody", "/ws/init/x?models=" + "a," * 2_000, "/ws/init/x?models=%ff",
                          "/ws",
                          "/ws/init/x/y", "/", "/health", "/ws/init/..", "/ws/init/x?" + "a" * 20_000])  # fmt: skip
    wire.send(upgrade(wire.port, path))


def half_a_handshake(wire: Wire, random: Random) -> None:
    whole = upgrade(wire.port, "/ws/init/malformed")
    wire.send(whole[: random.randrange(len(whole))])
    random.choice([wire.half_close, wire.reset, wire.close])()


def frames_without_waiting(wire: Wire, random: Random) -> None:
    """Behind the handshake at once, which RFC 6455 §4.1 forbids."""
    wire.send(upgrade(wire.port, "/ws/init/malformed") + frame(TEXT, b"early") + frame(CLOSE))


def unmasked(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([TEXT, BINARY, PING, CLOSE]), b"x" * random.randint(0, 200), mask=False))


def reserved_bits(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([TEXT, BINARY, PING, CLOSE]), b"{}", reserved=random.randint(1, 7)))


def reserved_opcodes(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), b"{}"))


def fragmented_control(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([PING, PONG, CLOSE]), b"x", final=False) + frame(CONTINUATION, b"y"))


def long_control(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([PING, PONG, CLOSE]), b"x" * random.choice([126, 500, 70_000])))


def too_big(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(frame(random.choice([TEXT, BINARY]), b"x" * random.choice([4_097, 60_000, 70_000, 300_000])))


def claims_too_much(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        length = random.choice([2**63 - 1, 2**63, 2**64 - 1, 2**40, 2**31])
        wire.send(bytes([0x80 | TEXT, 0xFF]) + length.to_bytes(8, "big") + bytes(4) + b"x" * 100)


def odd_length(wire: Wire, random: Random) -> None:
    """More bytes for the length than it needs (§5.2)."""
    if wire.open_socket():
        length = random.choice([b"\xfe" + bytes(1), b"\xff" + bytes(7)]) + b"\x05"
        wire.send(b"\x81" + length + bytes(4) + b"hello")


def bad_utf8(wire: Wire, random: Random) -> None:
    bad = random.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"ok \x80"])
    if wire.open_socket():
        split = frame(TEXT, bad[:1], final=False) + frame(CONTINUATION, bad[1:])
        wire.send(random.choice([frame(TEXT, bad), split]))


def odd_json(wire: Wire, random: Random) -> None:
    texts = [
        b"",
        b"not json",
        b"[" * 4_000,
        b'{"type":5}',
        b'{"type":"\\ud800"}',
        b"null",
        b'{"type":"pong"',
        b"\x00",
        b"1e999",
    ]
    if wire.open_socket():
        for _ in range(random.randint(1, 4)):
            wire.send(frame(random.choice([TEXT, BINARY]), random.choice(texts)))


def flood(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        one = frame(random.choice([TEXT, BINARY, PING, PONG]), b"x" * random.randint(0, 125))
        wire.send(one * random.choice([7, 50, 500]))


def odd_close(wire: Wire, random: Random) -> None:
    codes = [0, 1, 999, 1004, 1005, 1006, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65535]
    payloads = [b"", b"\x03", random.choice(codes).to_bytes(2, "big"), b"\x03\xe8\xff\xfe", b"\x03\xe8" + b"r" * 123]
    if wire.open_socket():
        wire.send(frame(CLOSE, random.choice(payloads)))
        if random.random() < 0.3:
            wire.send(frame(TEXT, b"after the end") + frame(CLOSE))


def wrong_and_gone(wire: Wire, random: Random) -> None:
    """By the time that the message is answered its sender has left."""
    if wire.open_socket():
        wire.send(frame(random.choice([TEXT, BINARY]), b"nonsense") + frame(CLOSE, b"\x03\xe8"))


def stray_continuation(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        inside = frame(TEXT, b"a", final=False) + frame(TEXT, b"b")
        wire.send(random.choice([frame(CONTINUATION, b"x"), inside]))


def endless_fragments(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        size, count = random.choice([(1, 3_000), (0, 5_000), (1_000, 200)])
        wire.send(frame(TEXT, b"x", final=False) + frame(CONTINUATION, b"x" * size, final=False) * count)


def half_open(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.half_close()


def half_a_frame(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        whole = frame(TEXT, b"x" * 200)
        wire.send(whole[: random.randrange(1, len(whole))])
        random.choice([wire.half_close, wire.reset, wire.close])()


def reset_when_open(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.reset()


def garbage(wire: Wire, random: Random) -> None:
    if wire.open_socket():
        wire.send(random.randbytes(random.randint(1, 2_000)))


CASES: tuple[Case, ...] = (
    bad_handshake, bad_address, half_a_handshake, frames_without_waiting, unmasked, reserved_bits, reserved_opcodes,
    fragmented_control, long_control, too_big, claims_too_much, odd_length, bad_utf8, odd_json, flood, odd_close,
    wrong_and_gone, stray_continuation, endless_fragments, half_open, half_a_frame, reset_when_open, garbage,
)  # fmt: skip
