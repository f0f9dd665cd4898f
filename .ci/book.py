#!/usr/bin/env python3
"""Writes the list of decisions in docs/SUMMARY.md, from which `mdbook build` makes the book.

    .ci/book.py            writes it
    .ci/book.py --check    exit 1 if it is behind

The other pages are listed by hand, and a test holds that all are (examples/tests/documents.rs).
"""
import os, re, sys

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
SUMMARY = os.path.join(DOCS, "SUMMARY.md")
HEAD = "- [Decisions](decisions/README.md)\n"


def entry(name):
    """However the title of a record writes its number, the list writes it in one way."""
    title = open(os.path.join(DOCS, "decisions", name)).readline().removeprefix("# ").strip()
    title = re.sub(r"^\d+\W+", "", title)
    return f"  - [{int(name[:4])}. {title}](decisions/{name})\n"


def main():
    summary = open(SUMMARY).read()
    before, _ = summary.split(HEAD)
    names = sorted(name for name in os.listdir(os.path.join(DOCS, "decisions")) if re.match(r"\d{4}-", name))
    wanted = before + HEAD + "".join(map(entry, names))
    if "--check" not in sys.argv:
        open(SUMMARY, "w").write(wanted)
    elif summary != wanted:
        sys.exit("docs/SUMMARY.md lacks a decision: .ci/book.py writes it")


if __name__ == "__main__":
    main()
