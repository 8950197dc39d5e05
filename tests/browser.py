#!/usr/bin/env python3
"""Looks at HTML reports in headless Chromium.

    tests/browser.py PAGE... [--screenshots DIR] [--chromium PROGRAM]

Each page is opened from its file at the widths of a desk and of a phone, light and dark. It fails when a page logs
an error, asks for anything but itself, scrolls sideways, has an id twice or a link to nowhere, text with too little
contrast, or when a filter does not hide what it names. Screenshots are left in DIR. Only Python's own library is
used: Chromium is driven through the pipe of its DevTools.

Exit codes: 0 all is well, 1 a page is not, 2 there is no Chromium.
"""

import argparse
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
]
VIEWS = [("desk", 1280, 900, 1), ("phone", 360, 740, 2)]
SCHEMES = ["light", "dark"]
LIMIT = 60

# What the page is asked about itself. Contrast is asked of the texts in HTML, whose ground is a plain colour.
QUESTIONS = r"""
(() => {
  const wrong = [];
  const root = document.documentElement;
  // A phone zooms out to what is too wide, and innerWidth with it; this is what it was told to be.
  const width = root.clientWidth;
  if (root.scrollWidth > width) {
    const widest = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1
      && !e.closest('pre') && e.checkVisibility());
    wrong.push(`scrolls sideways: ${root.scrollWidth} > ${width}, because of `
      + widest.slice(0, 3).map(e => e.tagName + '.' + e.getAttribute('class')).join(', '));
  }
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length) wrong.push(`ids twice: ${twice.slice(0, 3)}`);
  for (const a of document.querySelectorAll('a[href]')) {
    const href = a.getAttribute('href');
    if (!href.startsWith('#') || !document.getElementById(href.slice(1))) { wrong.push(`a link to ${href}`); break; }
  }
  for (const svg of document.querySelectorAll('svg:not([aria-hidden])')) {
    if (!svg.querySelector(':scope > title') || !svg.querySelector(':scope > desc')) wrong.push('a picture without words');
  }
  if (document.querySelector('main h1, header h1') === null) wrong.push('no heading');
  if (document.querySelector('script')) wrong.push('a script');
  if (width < 400) for (const text of document.querySelectorAll('.map.phone text')) {
    const box = text.getBoundingClientRect();
    if (box.right > width || box.left < 0) { wrong.push(`map text outside: ${text.textContent}`); break; }
  }
  for (const row of document.querySelectorAll('.map .row')) {
    const node = row.querySelector('.node').getBoundingClientRect();
    const name = row.querySelector('.name').getBoundingClientRect();
    if (name.width && name.right > node.right) { wrong.push(`a name beyond its node: ${row.textContent}`); break; }
  }
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const low = new Set();
  for (const e of document.querySelectorAll('body *:not(svg *)')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest('.quiet')) continue;
    let ground = e;
    while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
    if (!ground) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(rgb(getComputedStyle(ground).backgroundColor))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.add(`${e.tagName}.${e.getAttribute('class')} ${ratio.toFixed(1)}`);
  }
  if (low.size) wrong.push(`too little contrast: ${[...low].slice(0, 4).join(', ')}`);
  // Many services are folded by project: the filters are for those that are open.
  const rows = document.querySelectorAll('tr.service').length;
  const folded = document.querySelector('section[aria-labelledby=services]')?.scrollHeight ?? 0;
  if (rows > 40 && width < 500 && folded > 250 * rows) wrong.push(`${rows} services are ${folded} high`);
  const folds = [...document.querySelectorAll('details.group:not([open])')];
  for (const fold of folds) fold.open = true;
  if (root.scrollWidth > width) wrong.push(`scrolls sideways when all is open: ${root.scrollWidth} > ${width}`);
  for (const box of document.querySelectorAll('.filters input')) {
    const word = box.id.slice('show-'.length);
    const named = () => [...document.querySelectorAll(`.finding.${word}, tr.${word}`)];
    if (!named().length) wrong.push(`filter ${box.id} has nothing to hide`);
    box.click();
    if (named().some(e => e.checkVisibility())) wrong.push(`filter ${box.id} hides nothing`);
    box.click();
    if (!named().every(e => e.checkVisibility())) wrong.push(`filter ${box.id} brings nothing back`);
  }
  for (const fold of folds) fold.open = false;
  return JSON.stringify(wrong);
})()
"""


class Browser:
    """Chromium, spoken to through its DevTools pipe: JSON messages, each ended by a zero byte."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(prefix="homelab-browser-")
        inwards, self.writing = os.pipe()
        self.reading, outwards = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        script = f'exec "$@" 3<&{inwards} 4>&{outwards}'
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", script, "browser", program, *FLAGS, f"--user-data-dir={self.profile.name}"],
            pass_fds=(inwards, outwards), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(inwards)
        os.close(outwards)
        self.buffer = b""
        self.last = 0
        self.events = []

    def message(self, limit):
        """Returns the next message, or None when none came in time."""
        deadline = time.monotonic() + limit
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.reading], [], [], left)[0]:
                return None
            some = os.read(self.reading, 1 << 20)
            if not some:
                raise RuntimeError("chromium ended")
            self.buffer += some
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, session=None, **params):
        """Calls a method and returns its result; events that come before it are kept."""
        self.last += 1
        request = {"id": self.last, "method": method, "params": params}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.writing, data):]
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            message = self.message(deadline - time.monotonic())
            if message is None:
                break
            if message.get("id") == self.last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)
        raise RuntimeError(f"{method}: no answer in {LIMIT} s")

    def wait(self, method, session):
        """Waits for an event of a session."""
        deadline = time.monotonic() + LIMIT
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event.get("method") == method and event.get("sessionId") == session:
                    return
            seen = len(self.events)
            message = self.message(max(0, deadline - time.monotonic()))
            if message is None:
                raise RuntimeError(f"{method}: did not happen in {LIMIT} s")
            self.events.append(message)

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.reading)
        os.close(self.writing)
        self.profile.cleanup()


def look(browser, page, view, scheme, screenshots):
    """Opens a page in one view and returns what is wrong with it."""
    name, width, height, scale = view
    url = page.resolve().as_uri()
    target = browser.call("Target.createTarget", url="about:blank")["targetId"]
    session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    call = lambda method, **params: browser.call(method, session, **params)
    for domain in ("Page", "Network", "Log", "Runtime"):
        call(f"{domain}.enable")
    call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
         mobile=name == "phone")
    call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    call("Page.navigate", url=url)
    browser.wait("Page.loadEventFired", session)
    answer = call("Runtime.evaluate", expression=QUESTIONS, returnByValue=True)
    if "exceptionDetails" in answer:
        raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "an exception"))
    wrong = json.loads(answer["result"]["value"])
    if screenshots:
        picture = call("Page.captureScreenshot", captureBeyondViewport=True)
        file = screenshots / f"{page.stem}-{name}-{scheme}.png"
        file.write_bytes(base64.b64decode(picture["data"]))
    # Whatever was asked for or said until now: the calls above have emptied the pipe.
    for event in browser.events:
        if event.get("sessionId") != session:
            continue
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            asked = params["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                wrong.append(f"a request to {asked}")
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            wrong.append(f"the console says: {params['entry']['text']}")
        elif event["method"] == "Runtime.consoleAPICalled":
            wrong.append(f"the page logs: {params['type']}")
        elif event["method"] == "Runtime.exceptionThrown":
            wrong.append(f"an exception: {params['exceptionDetails']['text']}")
    browser.call("Target.closeTarget", targetId=target)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    if not shutil.which(options.chromium):
        print(f"{options.chromium} is not installed", file=sys.stderr)
        return 2
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    failed = looks = 0
    browser = Browser(options.chromium)
    try:
        for page in options.pages:
            for view in VIEWS:
                for scheme in SCHEMES:
                    looks += 1
                    for what in look(browser, page, view, scheme, options.screenshots):
                        failed += 1
                        print(f"{page.name}, {view[0]}, {scheme}: {what}", file=sys.stderr)
    finally:
        browser.close()
    print(f"browser: {len(options.pages)} pages in {looks} views, {failed} faults")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
