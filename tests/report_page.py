"""tests/report_page.py PAGE.html PLOTS TABLES: is the page whole, needs nothing from elsewhere, and does every plot
show something? Prints what is wrong and ends with 1 then."""
import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link"}
MARKS = {"path", "polyline", "polygon", "rect", "line"}
text = open(sys.argv[1], encoding="utf-8").read()
wrong = []


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.plots, self.colour, self.tables, self.heads = [], [], [], 0, 0

    def handle_starttag(self, tag, attrs, closed=False):
        a = dict(attrs)
        if tag in ("script", "iframe", "link", "img", "object", "embed", "form"):
            wrong.append(f"<{tag}> on line {self.getpos()[0]}")
        wrong.extend(f"{k}={v}" for k, v in attrs if k.startswith("on") or k in ("src", "href") or k.endswith(":href"))
        wrong.extend(f"{k}={v}" for k, v in attrs if "http" in (v or "") and not k.startswith(("xmlns", "aria-")))
        if tag == "svg":
            self.plots.append({"label": a.get("aria-label", ""), "role": a.get("role"), "marks": 0})
        self.tables += tag == "table"
        # A mark is drawn in a colour, where axes and grid have the ink's or a grey, and goes somewhere.
        colour = {a.get("fill", ""), a.get("stroke", "")}
        grey = {"rgb(128, 128, 128)", "rgb(128,128,128)"}
        moves = tag != "path" or len(set(re.findall(r"-?[\d.]+,-?[\d.]+", a.get("d", "")))) > 1
        if tag in MARKS and moves and any(c.startswith("rgb") and c not in grey for c in colour):
            self.plots[-1]["marks"] += 1
        elif tag in MARKS and moves and any(c.startswith("rgb") and c not in grey for c in self.colour[-1:]):
            self.plots[-1]["marks"] += 1
        if not closed and tag not in VOID:
            self.open.append(tag)
            self.colour.append(a.get("stroke", ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs, True)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            wrong.append(f"</{tag}> on line {self.getpos()[0]} closes {self.open[-1:]}")
        else:
            self.open.pop()
            self.colour.pop()


page = Page()
page.feed(text)
page.close()
wrong += [f"<{tag}> is never closed" for tag in page.open]
wrong += [f"@import or url(): {m}" for m in re.findall(r"@import|url\([^)]*\)", text)]
wrong += [f"a plot without marks: {p}" for p in page.plots if p["marks"] < 1]
wrong += [f"a plot without a name: {p}" for p in page.plots if p["role"] != "img" or len(p["label"]) < 20]
wrong += [f"{len(page.plots)} plots, not {sys.argv[2]}"] * (len(page.plots) != int(sys.argv[2]))
wrong += [f"{page.tables} tables, not {sys.argv[3]}"] * (page.tables != int(sys.argv[3]))
wrong += [f"no {s}" for s in ('<meta charset="utf-8">', 'name="viewport"', "prefers-color-scheme:dark", "<title>")
          if s not in text]
wrong += [f"ids: {m}" for m in re.findall(r"<[^>]* id=[\"'][^>]*>", text)]
print("\n".join(wrong), file=sys.stderr)
sys.exit(bool(wrong))
