"""HTTP as it should not be. Each case says one wrong thing; random parts come from the generator it is given."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from bench.malformed_wire import Case, Wire

EMBEDDINGS = "/v1/embeddings"
PATHS = ("/", "/health", "/status", "/readyz", "/api/v1/admin/ready", "/predict/status", "/models/status",
         "/models/minilm/retry", EMBEDDINGS, "/openapi.json", "/docs", "/ws/init/x", "/nowhere")  # fmt: skip


def request(
    wire: Wire, method: str = "POST", path: str = EMBEDDINGS, body: bytes = b"", headers: dict[str, str] | None = None
) -> bytes:
    """A request whose every part may be wrong; a header that is given replaces ours, an empty one removes it."""
    given = {"Host": f"127.0.0.1:{wire.port}", "Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= headers or {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass") + body


def garbage(random: Random, most: int = 400) -> bytes:
    return random.randbytes(random.randint(1, most))


def valid_body(random: Random) -> dict[str, Any]:
    return {"model": "minilm", "input": random.choice(["a text", ["one", "two"]])}


def broken_json(wire: Wire, random: Random) -> None:
    text = bytearray(json.dumps(valid_body(random)).encode())
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(text))
        text[place : place + random.randint(0, 3)] = garbage(random, 3)
    wire.send(request(wire, body=bytes(text[: random.randint(0, len(text))])))


def wrong_types(wire: Wire, random: Random) -> None:
    odd: list[Any] = [None, True, -1, 1e308, "", "x" * 10_001, [], {}, [[]], [None], [1, "a"], {"a": []}, ["", "a"],
                      ["a"] * 257, "\x00", "\u202e"]  # fmt: skip
    body = valid_body(random)
    for name in random.sample(["model", "input", "encoding_format", "dimensions", "user", "extra"], 2):
        body[name] = random.choice(odd)
    wire.send(request(wire, body=json.dumps(random.choice([body, [body], body["input"]])).encode()))


def odd_numbers(wire: Wire, random: Random) -> None:
    number = random.choice(["NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 5000, "0x10", "1_0", "01"])
    wire.send(request(wire, body=b'{"model":"minilm","input":"a","dimensions":%s}' % number.encode()))


def nesting(wire: Wire, random: Random) -> None:
    depth = random.choice([100, 1_000, 20_000, 100_000])
    begin, end = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    inner = begin * depth + b"1" + (end * depth if random.random() < 0.5 else b"")
    wire.send(request(wire, body=random.choice([inner, b'{"model":"minilm","input":%s}' % inner])))


def lone_surrogates(wire: Wire, random: Random) -> None:
    text = random.choice(["\\ud800", "\\udfff", "a\\ud83d", "\\udc00\\ud800", "\\u0000"])
    place = random.choice(['{"model":"minilm","input":"%s"}', '{"model":"%s","input":"a"}',
                           '{"model":"minilm","input":["a","%s"]}', '{"%s":1,"model":"minilm","input":"a"}',
                           '{"model":"minilm","input":"a","user":"%s"}'])  # fmt: skip
    wire.send(request(wire, body=(place % text).encode()))


def bad_utf8(wire: Wire, random: Random) -> None:
    text = random.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
    wire.send(request(wire, body=b'{"model":"minilm","input":"%s"}' % text))


def wrong_content_type(wire: Wire, random: Random) -> None:
    kinds = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "*/*", "json",
             "application/json; charset=utf-16", "application/", ";",
             "application/json, text/plain", "\u00ff"]  # fmt: skip
    body = json.dumps(valid_body(random)).encode(random.choice(["utf-8", "utf-16", "utf-32"]))
    wire.send(request(wire, body=body, headers={"Content-Type": random.choice(kinds)}))


def wrong_length(wire: Wire, random: Random) -> None:
    body = json.dumps(valid_body(random)).encode()
    length = random.choice(["-1", "abc", "1e3", "0x10", "+5", "5, 5", "9" * 30, "4194305", "999999999", "1", "0", " ",
                            str(len(body) + 10), "\u0663"])  # fmt: skip
    wire.send(request(wire, body=body, headers={"Content-Length": length}))
    if random.random() < 0.7:
        wire.half_close()


def two_lengths(wire: Wire, random: Random) -> None:
    wire.send(request(wire, body=b"{}", headers={"content-length": str(random.randint(0, 9)), "Content-Length": "2"}))
    wire.half_close()


def chunked(wire: Wire, random: Random) -> None:
    chunks = random.choice([b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n\r\n", b"2\r\n{}", b"2\r\n{}xx0\r\n\r\n",
                            b"f" * 40 + b"\r\n",
                            b"0\r\n" + b"a: b\r\n" * 500 + b"\r\n", b"2;" + b"x" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
                            b"1\r\n{\r\n" * 300, b"\r\n\r\n", garbage(random)])  # fmt: skip
    headers = {"Transfer-Encoding": random.choice(["chunked", "Chunked", "gzip, chunked", "chunked, chunked", "x"])}
    headers |= {"Content-Length": random.choice(["", "2"])}
    wire.send(request(wire, headers=headers) + chunks)
    wire.half_close()


def encoded_body(wire: Wire, random: Random) -> None:
    headers = {"Content-Encoding": random.choice(["gzip", "br", "deflate", "zstd", "gzip, gzip"])}
    wire.send(request(wire, body=b"\x1f\x8b" + garbage(random), headers=headers))


def long_address(wire: Wire, random: Random) -> None:
    length = random.choice([2_000, 9_000, 65_000, 200_000])
    path = random.choice(PATHS) + random.choice(["/", "?models=", "?", "#"]) + random.choice("aZ%,&") * length
    wire.send(request(wire, "GET", path))


def long_headers(wire: Wire, random: Random) -> None:
    headers = random.choice([
        {"X-Long": "a" * random.choice([9_000, 70_000, 300_000])},
        {f"X-{number}": "a" for number in range(random.choice([90, 300, 3_000]))},
        {"Prefer": "wait=" + "9" * 5_000}, {"X-Request-ID": "a" * 5_000}, {"Cookie": "a=b; " * 3_000},
        {"Origin": "http://" + "a" * 9_000}, {"N" * 9_000: "x"},
    ])  # fmt: skip
    wire.send(request(wire, "GET", random.choice(PATHS), headers=headers))


def odd_headers(wire: Wire, random: Random) -> None:
    headers = random.choice([
        {"Prefer": random.choice(["wait=-1", "wait=1e9", "wait", "wait=", "respond-async, wait=\"x", ";;;", ",,,"])},
        {"X-Request-ID": random.choice(["../../x", "a b", "\u00e9", "<script>", "%0d%0a"])},
        {"Accept": random.choice(["text/html;q=x", "*", "\u00ff", "a" * 999])}, {"Expect": "100-continue"},
        {"Expect": "nonsense"}, {"Connection": "upgrade, close"}, {"Upgrade": "h2c", "Connection": "Upgrade"},
        {"Authorization": random.choice(["Bearer", "Bearer \u00ff", "Basic ===", "Bearer " + "a" * 5_000])},
        {"Forwarded": "for=\"[::1\"", "X-Forwarded-For": "1.2.3.4, x, 127.0.0.1", "X-Forwarded-Proto": "\u00ff"},
        {"Range": "bytes=0-0,-1,x"}, {"If-None-Match": "\""}, {"bad name": "x"}, {"": "x"}, {"X": "a\x00b"},
        {"X": "a\r b"}, {"X": "a\n b"},
    ])  # fmt: skip
    wire.send(request(wire, random.choice(["GET", "POST"]), random.choice(PATHS), b"{}", headers))


def odd_methods(wire: Wire, random: Random) -> None:
    method = random.choice(["BREW", "get", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "OPTIONS", "HEAD", "",
                            "G\x00T",
                            "PROPFIND", "M" * 9_000, "POST"])  # fmt: skip
    wire.send(request(wire, method, random.choice([*PATHS, "*", "example.com:443"]), random.choice([b"", b"{}"])))


def odd_host_or_origin(wire: Wire, random: Random) -> None:
    hosts = [
        "",
        "evil.example",
        "a b",
        "[::1",
        "[]",
        ":80",
        "127.0.0.1:x",
        "127.0.0.1:99999999",
        "@",
        "\u00ff",
        "a" * 300,
    ]
    origins = ["null", "http://", "http://[", "http://[::1", "file://", "https://evil.example", "\u00ff", "http://a b",
               "http://127.0.0.1:x", "javascript:1", "HTTP://LOCALHOST", "http://localhost\\@evil.example"]  # fmt: skip
    headers = random.choice([{"Host": random.choice(hosts)}, {"Origin": random.choice(origins)}])
    wire.send(request(wire, random.choice(["GET", "POST"]), random.choice(PATHS), b"{}", headers))


def percent_tricks(wire: Wire, random: Random) -> None:
    paths = ["/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "//", "///health", "/%", "/%zz", "/%00", "/%ff%fe",
             "/models/%00/retry", "/models/%ff/retry", "/models/%2f/retry", "/models/a%0d%0ab/retry", "/health%00",
             "/health/", "/health;a=b", "/./health", "/ws/init/%0a", "/ws/init/%ed%a0%80", "/app/..%2f..%2f",
             "/app/%00",
             "/status?models=%ff", "/status?models=%00,minilm", "/status?models=" + "," * 5_000, "/status?%",
             "/status?a;b",
             "/status?models=\u00ff", "http://evil.example/health", "health", "", "/\u00e9", "/ health", "/\x7f", "/#",
             "/status?models=" + ",".join(f"m{n}" for n in range(500)), "/problems/../health"]  # fmt: skip
    wire.send(request(wire, random.choice(["GET", "POST"]), random.choice(paths), b"{}"))


def raw_garbage(wire: Wire, random: Random) -> None:
    wire.send(random.choice([
        garbage(random), b"\x16\x03\x01\x02\x00\x01\x00" + garbage(random),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"GET / HTTP/9.9\r\n\r\n", b"GET /\r\n\r\n", b"\r\n" * random.randint(1, 5_000), b"\x00" * 5_000,
        b"a" * 100_000,
        b"GET / HTTP/1.1\nHost: x\n\n", b"GET  /  HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    ]))  # fmt: skip
    wire.half_close()


def cut_short(wire: Wire, random: Random) -> None:
    whole = request(wire, body=json.dumps(valid_body(random)).encode())
    wire.send(whole[: random.randrange(len(whole))])
    random.choice([wire.half_close, wire.reset, wire.close])()


def smuggled(wire: Wire, random: Random) -> None:
    """Several requests at once, wrong ones among them."""
    parts = [request(wire, "GET", random.choice(PATHS)), request(wire, body=b"{"), garbage(random), b"\r\n"]
    wire.send(b"".join(random.choices(parts, k=random.randint(2, 6))))
    wire.half_close()


def left_at_once(wire: Wire, random: Random) -> None:
    wire.reset()


CASES: tuple[Case, ...] = (
    broken_json, wrong_types, odd_numbers, nesting, lone_surrogates, bad_utf8, wrong_content_type, wrong_length,
    two_lengths, chunked, encoded_body, long_address, long_headers, odd_headers, odd_methods, odd_host_or_origin,
    percent_tricks, raw_garbage, cut_short, smuggled, left_at_once,
)  # fmt: skip
