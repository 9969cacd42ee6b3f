"""In a real browser: from "ready" to the waiting request on the wire, and from a lost socket to polled progress.

The workbench's page runs in Chromium against `greenroom serve` with the scripted engine, whose model becomes ready
when the bench says so. The page's own clock is read at three moments: when the socket hands it the first snapshot that
is ready, when `fetch` is called again for the request that was refused before, and when the socket closes. Opponent:
the same page sends the same request with `fetch` alone, again and again after the server's `Retry-After`, which is what
careful clients do without a queue. The moment of "ready" is moved from round to round, so that it falls anywhere
between two of the opponent's attempts.

For the lost socket a proxy in front of the page closes it with 1011 and lets no other through; the figure is from that
close to the first answer of `GET /status` that the page has read.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count

from playwright.sync_api import Browser, Page, WebSocketRoute, sync_playwright

from bench.harness import Bench, Plan, Report, Row, at_most, interleave
from greenroom.testing import GreenroomServer

APP = "workbench:create_app"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
OFFSETS_SECONDS = (0.2, 1.1, 2.3, 3.1, 4.4)
"""When the model becomes ready after the refusal; the server's `Retry-After` is 5 s while it knows no estimate."""
PATIENCE_MS = 20_000

STAMPS = """(() => {
  const seen = { sent: [], polled: [] };
  globalThis.seen = seen;
  globalThis.WebSocket = class extends WebSocket {
    constructor(...parts) {
      super(...parts);
      this.addEventListener("message", ({ data }) => {
        if (JSON.parse(data).ready) seen.ready ??= performance.now();
      });
      this.addEventListener("close", () => { seen.lost ??= performance.now(); });
    }
  };
  const plain = globalThis.fetch;
  globalThis.fetch = async (...parts) => {
    const url = String(parts[0]);
    if (url.endsWith("/preview-prompt")) seen.sent.push(performance.now());
    const answer = await plain(...parts);
    if (url.endsWith("/status") && seen.lost) seen.polled.push(performance.now());
    return answer;
  };
})()"""

BY_RETRY_AFTER = """async () => {
  const request = { method: "POST", headers: { "Content-Type": "application/json" },
                    body: JSON.stringify({ description: "Twelve lamps", k: 3 }) };
  for (;;) {
    const answer = await fetch("/api/v1/rfq/preview-prompt", request);
    if (answer.status !== 425) return;
    const seconds = Number(answer.headers.get("Retry-After"));
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}"""

Press = Callable[[Page], None]


def measure(plan: Plan) -> Report:
    with _browser() as browser, GreenroomServer(APP) as server:
        turns = {"ours": count(), "retry-after": count()}

        def side(name: str, press: Press) -> Mapping[str, float]:
            offset = OFFSETS_SECONDS[next(turns[name]) % len(OFFSETS_SECONDS)]
            return {"sent": _ready_to_sent(browser, server, press, offset)}

        def ours() -> Mapping[str, float]:
            return {**side("ours", _press), "polled": _lost_to_polled(browser, server)}

        taken = interleave({"ours": ours, "retry-after": lambda: side("retry-after", _press_by_retry_after)}, plan)
        version = browser.version
    sent, theirs = taken["ours"]["sent"], taken["retry-after"]["sent"]
    rows = [
        Row(
            "ready → the waiting request on the wire",
            "ms",
            sent,
            theirs,
            at_most(100),
            "opponent: retry by Retry-After",
        ),
        Row("socket lost → polled progress", "ms", taken["ours"]["polled"], (), at_most(3_000)),
    ]
    return Report(rows, [f"Chromium {version}, one page."])


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    # The policy forbids the `eval` by which Playwright waits; nothing else here needs it.
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(STAMPS)
    yield page
    context.close()


def _ready_to_sent(browser: Browser, server: GreenroomServer, press: Press, offset_seconds: float) -> float:
    """Milliseconds from the ready frame to the first attempt after it."""
    server.restart(forget=True)
    server.control.freeze(10)
    with _page(browser) as page:
        page.goto(f"{server.url}/")
        page.wait_for_selector('[data-greenroom-overlay][data-state="loading"]')
        press(page)
        page.wait_for_function("seen.sent.length === 1")
        time.sleep(offset_seconds)
        server.control.become_ready()
        page.wait_for_function("seen.ready !== undefined && seen.sent.at(-1) > seen.ready")
        return float(page.evaluate("seen.sent.find((moment) => moment > seen.ready) - seen.ready"))


def _press(page: Page) -> None:
    page.get_by_label("Request for quotation").fill("Twelve lamps")
    page.get_by_role("button", name="Preview prompt", exact=True).click()


def _press_by_retry_after(page: Page) -> None:
    page.evaluate(f"() => void ({BY_RETRY_AFTER})()")


def _lost_to_polled(browser: Browser, server: GreenroomServer) -> float:
    """Milliseconds from the socket's close to the first answer that was polled after it."""
    server.restart(forget=True)
    server.control.freeze(35)
    passed: list[WebSocketRoute] = []

    def once(socket: WebSocketRoute) -> None:
        if passed:
            socket.close(code=1011)
            return
        socket.connect_to_server()
        passed.append(socket)

    with _page(browser) as page:
        page.route_web_socket("**/ws/init/*", once)
        page.goto(f"{server.url}/")
        page.wait_for_selector('[data-greenroom-overlay][data-state="loading"]')
        passed[0].close(code=1011)
        page.wait_for_function("seen.polled.length > 0")
        return float(page.evaluate("seen.polled[0] - seen.lost"))


BENCH = Bench("page", "The page", measure)
