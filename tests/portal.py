#!/usr/bin/env python3
"""Looks at the portal as two people do: portal.py PROGRAM [--screenshots DIR] [--chromium PROGRAM]

Starts the portal of tests/portal/lab on loopback, as it stands behind Tailscale Serve, and opens it in headless Chromium as
two people who see different services, on a wide and a narrow screen, light and dark. Fails when one of them sees what is the
other's, when the page asks anybody else for anything, logs anything, scrolls sideways, has too little contrast, lacks a
landmark or a label, or when the search does not find. Only Python's own library is used.

Exit codes: 0 all is well, 1 something is not, 2 there is no Chromium.
"""

import argparse
import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import SCHEMES, VIEWS, Browser  # noqa: E402

LAB = Path(__file__).resolve().parent / "portal" / "lab"
PEOPLE = {
    "ann@example.org": ["Grafana", "Immich", "office", "wiki"],
    "ben@example.org": ["Immich", "wiki"],
}

# What a page is asked about itself: what is there, and what is wrong.
QUESTIONS = r"""
(() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length) wrong.push(`ids twice: ${twice}`);
  for (const landmark of ['header', 'main', 'footer']) {
    if (document.querySelectorAll(landmark).length !== 1) wrong.push(`not one ${landmark}`);
  }
  if (!root.lang || !document.title) wrong.push('no language or title');
  if (document.querySelectorAll('h1').length !== 1) wrong.push('not one h1');
  for (const input of document.querySelectorAll('input')) {
    if (!input.labels.length) wrong.push(`no label: ${input.id}`);
  }
  for (const section of document.querySelectorAll('section[aria-labelledby]')) {
    if (!document.getElementById(section.getAttribute('aria-labelledby'))) wrong.push('a section without its heading');
  }
  for (const a of document.querySelectorAll('a')) {
    if (!(a.getAttribute('aria-label') || a.textContent).trim()) wrong.push('a link without words');
    const box = a.getBoundingClientRect();
    if (!a.classList.contains('skip') && box.height < 18) wrong.push(`a small link: ${a.textContent} ${box.height}`);
  }
  if (document.querySelector('script, iframe, object, [style], [onclick]')) wrong.push('more than a page');
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
  const low = new Set();
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility()) continue;
    let ground = e;
    while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(rgb(getComputedStyle(ground ?? root).backgroundColor))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.add(`${e.tagName} ${e.textContent.slice(0, 20)} ${ratio.toFixed(1)}`);
  }
  if (low.size) wrong.push(`too little contrast: ${[...low].slice(0, 4).join(', ')}`);
  return JSON.stringify({
    wrong,
    services: [...document.querySelectorAll('ul.services h3')].map(e => e.textContent),
    ground: rgb(getComputedStyle(document.body).backgroundColor).slice(0, 3),
    text: document.body.innerText,
  });
})()
"""


class Page:
    """A page of the browser, as one person on one screen."""

    def __init__(self, browser, login, view, scheme):
        _, width, height, scale = view
        self.browser = browser
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=view[0] == "phone")
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        headers = {"Tailscale-User-Login": login} if login else {}
        self.call("Network.setExtraHTTPHeaders", headers=headers)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "an exception"))
        return answer["result"].get("value")

    def open(self, url, quiet=True):
        """Opens an address, and returns what the page says of itself and what is wrong with it."""
        self.browser.events.clear()
        self.call("Page.navigate", url=url)
        self.browser.wait("Page.loadEventFired", self.session)
        return self.look(url, quiet)

    def look(self, url, quiet=True):
        said = json.loads(self.evaluate(QUESTIONS))
        own = "/".join(url.split("/")[:3])
        for event in self.browser.events:
            params = event.get("params", {})
            if event.get("sessionId") != self.session:
                continue
            if event["method"] == "Network.requestWillBeSent":
                asked = params["request"]["url"]
                if not asked.startswith((own + "/", "data:")):
                    said["wrong"].append(f"a request to {asked}")
            elif quiet and event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                said["wrong"].append(f"the console says: {params['entry']['text']}")
            elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                said["wrong"].append("the page runs something")
        return said

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


def person(browser, root, login, view, scheme, screenshots):
    """Looks at everything that one person sees on one screen, and returns what is wrong."""
    page = Page(browser, login, view, scheme)
    said = page.open(root)
    wrong = said["wrong"]
    if sorted(said["services"], key=str.lower) != sorted(PEOPLE[login], key=str.lower):
        wrong.append(f"sees {said['services']}")
    bright = sum(said["ground"]) > 380
    if bright != (scheme == "light"):
        wrong.append(f"is not {scheme}: {said['ground']}")
    if "On the local network only" not in said["text"]:
        wrong.append("does not say what only the local network reaches")
    if screenshots:
        picture = page.call("Page.captureScreenshot", captureBeyondViewport=True)
        name = f"portal-{login.split('@')[0]}-{view[0]}-{scheme}.png"
        (screenshots / name).write_bytes(base64.b64decode(picture["data"]))
    # The search is a form: a word and the button, as a keyboard uses them.
    page.browser.events.clear()
    page.evaluate("document.getElementById('q').value = 'photos'; document.querySelector('form').requestSubmit(); 0")
    page.browser.wait("Page.loadEventFired", page.session)
    found = page.look(root)
    wrong += found["wrong"]
    if found["services"] != ["Immich"] or "1 service found" not in found["text"]:
        wrong.append(f"the search finds {found['services']}")
    why = page.open(root + "why?service=nas:photos/server")
    wrong += why["wrong"]
    if "You reach it." not in why["text"] or "policy.hujson, line 6" not in why["text"]:
        wrong.append(f"the reason is not said: {why['text']!r}")
    hidden = page.open(root + "why?service=grafana", quiet=False)
    if ("policy.hujson" in hidden["text"]) != ("Grafana" in PEOPLE[login]):
        wrong.append("a reason is told to the wrong person")
    page.close()
    return wrong


def stranger(browser, root, login):
    page = Page(browser, login, VIEWS[0], SCHEMES[0])
    said = page.open(root, quiet=False)
    page.close()
    if said["services"] or "Not here" not in said["text"]:
        return [f"is shown {said['text']!r}"]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--screenshots", type=Path)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    if not shutil.which(options.chromium):
        print(f"{options.chromium} is not installed", file=sys.stderr)
        return 2
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen([options.program, LAB, "--behind-serve", "--listen", "127.0.0.1:0"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    failed = looks = 0
    try:
        line = server.stdout.readline()
        if not line.startswith("listening on "):
            print("the portal did not start", file=sys.stderr)
            return 1
        root = line.removeprefix("listening on ").strip()
        browser = Browser(options.chromium)
        try:
            for login in PEOPLE:
                for view in VIEWS:
                    for scheme in SCHEMES:
                        looks += 1
                        for what in person(browser, root, login, view, scheme, options.screenshots):
                            failed += 1
                            print(f"{login}, {view[0]}, {scheme}: {what}", file=sys.stderr)
            for login in ("eve@example.org", None):
                looks += 1
                for what in stranger(browser, root, login):
                    failed += 1
                    print(f"{login}: {what}", file=sys.stderr)
        finally:
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(f"portal: {len(PEOPLE)} people in {looks} views, {failed} faults")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
