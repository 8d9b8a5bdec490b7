"""HTML for tests: whether it is well formed, what it says, which tags it has."""

from html.parser import HTMLParser

VOID = {"br", "hr", "img"}


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags, self.errors = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.errors += [f"<{tag} {name}>" for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}>")

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    """(text, tags) of a page whose tags close in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.errors
    assert not reader.open
    return " ".join(" ".join(reader.text).split()), reader.tags
