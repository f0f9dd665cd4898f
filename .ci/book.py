#!/usr/bin/env python3
"""The book of the documents.

    .ci/book.py            writes the list of decisions in docs/SUMMARY.md
    .ci/book.py --check    exit 1 if it is behind
    .ci/book.py --build    makes the book in target/book; exit 1 if a link in it leads nowhere

The pages of docs/ are listed in docs/SUMMARY.md by hand, and a test holds that all are (examples/tests/documents.rs). The book has
the README in front of them, and the crates' pages among them. What a page links to beside that, sources say, is in the book as
text, so that it can lie anywhere. mdbook alone builds docs/ as well, but links out of docs/ lead nowhere then.
"""
import html, os, posixpath, re, shutil, subprocess, sys
from html.parser import HTMLParser
from urllib.parse import unquote

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SUMMARY = os.path.join(ROOT, "docs/SUMMARY.md")
STAGED, BOOK = os.path.join(ROOT, "target/book-src"), os.path.join(ROOT, "target/book")
HEAD = "- [Decisions](decisions/README.md)\n"
FRONT = {"README.md": "introduction.md"}
BACK = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}


def entry(name):
    """However the title of a record writes its number, the list writes it in one way."""
    title = open(os.path.join(ROOT, "docs/decisions", name)).readline().removeprefix("# ").strip()
    title = re.sub(r"^\d+[\s.:–—-]*", "", title)
    return f"  - [{int(name[:4])}. {title}](decisions/{name})\n"


def listed():
    """docs/SUMMARY.md as it should be."""
    before, _ = open(SUMMARY).read().split(HEAD)
    names = sorted(name for name in os.listdir(os.path.join(ROOT, "docs/decisions")) if re.match(r"\d{4}-", name))
    return before + HEAD + "".join(map(entry, names))


def index(place):
    """mdbook writes a README.md to index.html, and lets links to it lead to README.html."""
    return re.sub(r"\bREADME\.md", "index.md", place)


def pages():
    """The files of the repository that become pages, with their places in the book."""
    found = {**FRONT, **BACK}
    for folder, _, names in os.walk(os.path.join(ROOT, "docs")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            found[path] = index(path.removeprefix("docs/"))
    for crate in sorted(os.listdir(os.path.join(ROOT, "crates"))):
        if os.path.exists(os.path.join(ROOT, "crates", crate, "README.md")):
            found[f"crates/{crate}/README.md"] = f"crates/{crate}.md"
    return found


def staged(path, place, places):
    """A page's text, its links made to fit the book; notes the sources that they lead to."""
    def link(match):
        target, anchor = match.group(1).partition("#")[::2]
        if not target or "://" in target or target.startswith("mailto:"):
            return match.group(0)
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if os.path.isdir(os.path.join(ROOT, wanted)) and f"{wanted}/README.md" in places:
            wanted += "/README.md"
        to = places.setdefault(wanted, f"source/{wanted}.html")
        return f"]({posixpath.relpath(to, posixpath.dirname(place) or '.')}{'#' + anchor if anchor else ''})"
    parts = re.split(r"(^```.*?^```)", open(os.path.join(ROOT, path)).read(), flags=re.S | re.M)
    return "".join(part if part.startswith("```") else re.sub(r"\]\(([^)\s]+)\)", link, part) for part in parts)


def source(path):
    """A file or a folder of the repository as a page."""
    full = os.path.join(ROOT, path)
    text = "\n".join(sorted(os.listdir(full))) if os.path.isdir(full) else open(full).read()
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{path}</title><style>:root{{color-scheme:light dark}}'
            f"body{{max-width:60rem;margin:2rem auto;padding:0 1rem;font:14px/1.5 monospace}}pre{{overflow-x:auto}}</style>"
            f"<h1>{path}</h1><pre>{html.escape(text)}</pre></html>\n")


def build():
    shutil.rmtree(STAGED, ignore_errors=True)
    places = pages()

    def write(place, text):
        target = os.path.join(STAGED, place)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").write(text)
    own = dict(places)
    for path, place in own.items():
        if place.endswith(".md"):
            write(place, staged(path, place, places))
        else:
            os.makedirs(os.path.dirname(os.path.join(STAGED, place)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, path), os.path.join(STAGED, place))
    for path, place in places.items():
        if path not in own and os.path.exists(os.path.join(ROOT, path)):
            write(place, source(path))
    crates = "".join(f"- [{path.split('/')[1]}]({place})\n" for path, place in own.items() if path.startswith("crates/"))
    rest = "".join(f"- [{place[:-3].capitalize()}]({place})\n" for place in BACK.values())
    users, others = index(open(SUMMARY).read()).removeprefix("# Summary\n").split("# What is proved", 1)
    write("SUMMARY.md", f"# Summary\n\n[gatepost](introduction.md)\n{users}# The crates\n\n{crates}\n"
                        f"# What is proved{others}\n# The project\n\n{rest}")
    subprocess.run(["mdbook", "build"], cwd=ROOT, check=True, env={**os.environ, "MDBOOK_BOOK__SRC": STAGED, "MDBOOK_LOG": "warn"})


class Page(HTMLParser):
    """The links of a page, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors.update(given[key] for key in ("id", "name") if given.get(key))
        self.links.extend(given[key] for key in ("href", "src") if given.get(key))


def dead():
    """The links of the book that lead nowhere, those to other sites aside: CI has no network."""
    read = {}
    for folder, _, names in os.walk(BOOK):
        for name in names:
            if name.endswith(".html") and name not in ("404.html", "print.html", "toc.html"):
                path = os.path.join(folder, name)
                read[path] = Page(open(path).read())
    found = []
    for path, page in sorted(read.items()):
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = map(unquote, link.partition("#"))
            target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(target) or anchor and target in read and anchor not in read[target].anchors:
                found.append(f"{os.path.relpath(path, BOOK)}: {link}")
    return len(read), found


def main():
    wanted = listed()
    if "--build" in sys.argv:
        build()
        count, found = dead()
        print(f"book: {count} pages, {len(found)} dead links")
        sys.exit("\n".join(found) or 0)
    if "--check" not in sys.argv:
        open(SUMMARY, "w").write(wanted)
    elif open(SUMMARY).read() != wanted:
        sys.exit("docs/SUMMARY.md lacks a decision: .ci/book.py writes it")


if __name__ == "__main__":
    main()
