"""The page: self-contained, formulas as MathML, witnesses and proofs inside; in a browser it filters and opens."""

import dataclasses
import html.parser
import json
import re
import shutil
import subprocess

import pytest

from marlcore import registry
from marlcore.errors import InputError
from proofs_check import ledger
from proofs_check.evidence import Result
from proofs_check.report import document, page, pictures

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)


@pytest.fixture(scope="module")
def text():
    data = json.loads((document.DOCS / "evidence.json").read_text(encoding="utf-8"))
    return page.render(document.results(data))


class Reader(html.parser.HTMLParser):
    """Counts elements and keeps what would need a network."""

    def __init__(self):
        super().__init__()
        self.counts, self.links, self.open = {}, [], []

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [v for k, v in attributes if k in ("src", "href", "srcset")]
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_network(text):
    reader = Reader()
    reader.feed(text)
    claims = ledger.discover().claims
    assert reader.open == []
    assert reader.counts["article"] == len(claims)
    assert reader.counts["math"] >= len(claims)
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert "url(" not in text.replace("url(#", "")
    assert all(link[1:] in text for link in reader.links if link.startswith("#"))


def test_the_page_shows_verdicts_witnesses_and_proofs(text):
    for claim in ledger.discover().claims:
        assert f'id="{claim.id.replace("/", "--")}"' in text
    assert text.count('class="witness"') == sum(c.expected == "refuted" for c in ledger.discover().claims)
    assert "[checked]" in text
    assert "NOT shown" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


class Canvas:
    """What a drawing library returns: it saves itself."""

    def savefig(self, buffer, format, metadata):
        assert (format, metadata) == ("svg", {"Date": None})
        buffer.write(
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="72pt" viewBox="0 0 72 36">'
            b"<metadata>https://example.org</metadata><defs><style>*{stroke-linejoin: round}</style>"
            b'<clipPath id="c1"><rect/></clipPath></defs><g id="plot" clip-path="url(#c1)"><use xlink:href="#c1"/></g>'
            b"</svg>"
        )


@pytest.fixture
def stand_in():
    calls = []

    def figure():
        calls.append(1)
        return Canvas()

    figure.alt = "a <plot>"
    registry.register("figures", "stand_in_1", figure)
    yield calls
    registry.unregister("figures", "stand_in_1")


def test_a_claim_s_figure_stands_in_the_page_and_is_drawn_once(stand_in):
    claims = [dataclasses.replace(c, figure="stand_in_1") for c in ledger.discover(["matrix/zero_sum"]).claims]
    text = page.render([Result(c) for c in claims], figures=True)
    assert len(stand_in) == 1
    assert text.count('<symbol id="figure-stand_in_1" viewBox="0 0 72 36">') == 1
    assert text.count('<use href="#figure-stand_in_1"/>') == len(claims)
    assert 'aria-label="a &lt;plot&gt;"' in text
    # ids are the figure's own, rules for every element stay inside it, and nothing points out of the page
    assert 'clip-path="url(#stand_in_1-c1)"' in text
    assert 'xlink:href="#stand_in_1-c1"' in text
    assert '<g style="stroke-linejoin: round">' in text
    assert "example.org" not in text
    without = page.render([Result(c) for c in claims])
    assert len(stand_in) == 1
    assert "<symbol" not in without
    assert "marlcore figure stand_in_1" in without


def test_a_figure_that_nobody_offers_is_named_and_not_drawn():
    claim = dataclasses.replace(ledger.load("matrix/strict_equilibria"), figure="no_such_figure")
    text = page.render([Result(claim)], figures=True)
    assert "marlcore figure no_such_figure" in text
    assert "<symbol" not in text


@pytest.mark.parametrize(
    ("svg", "words"),
    [
        ("<p>no drawing</p>", "no SVG"),
        ("<svg><g/></svg>", "viewBox"),
        ('<svg viewBox="0 0 1 1"><image href="https://example.org/a.png"/></svg>', "network"),
        ('<svg viewBox="0 0 1 1"><rect fill="url(https://example.org)"/></svg>', "network"),
    ],
)
def test_an_svg_that_cannot_stand_in_the_page_is_refused(svg, words):
    with pytest.raises(InputError, match=words):
        pictures.picture("x", svg)


def test_what_a_claim_says_is_escaped():
    claim = dataclasses.replace(ledger.load("matrix/strict_equilibria"), plain="<script>alert(1)</script>")
    assert "<script>alert" not in page.render([Result(claim)])


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: .ci/run installs it")
@pytest.mark.parametrize(
    ("fragment", "check"),
    [
        ("", lambda dom: len(re.findall(r"<article(?![^>]*hidden)", dom)) > 80),
        ("#q=misprint", lambda dom: 0 < len(re.findall(r"<article(?![^>]*hidden)", dom)) < 20),
        ("#open=harl--lemma_8--misprint", lambda dom: re.search(r'<details class="witness" open', dom)),
    ],
)
def test_the_page_works_in_a_browser(text, fragment, check, tmp_path):
    file = tmp_path / "ledger.html"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom",
         file.as_uri() + fragment],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "CONSOLE" not in done.stderr, done.stderr[-2000:]
    assert "<math" in done.stdout
    assert check(done.stdout)
