"""The documentation: links lead somewhere, and files that it names exist."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
NAMED = re.compile(r"`((?:src|include|scripts|tests|config|hosts|docs)/[\w./-]+)`")


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)


def anchors(page):
    """The names that a page's headings have in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page):
    wrong = []
    for link in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if link.startswith(("http:", "https:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    wrong += [name for name in NAMED.findall(prose(page)) if "NAME" not in name and "ROOM" not in name and not (ROOT / name).exists()]
    assert not wrong


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/README.md").read_text()
    pages = [str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")]
    assert not [page for page in pages if page != "README.md" and f"]({page})" not in index]


def test_interop_names_the_keys_that_the_source_reads():
    """The table of config.json has every key that model_config.c reads, and calls no other one obeyed or bound to a value."""
    page = (ROOT / "docs/interop.md").read_text().split("\n## config.json")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", page, re.M)
    source = (ROOT / "src/model/model_config.c").read_text()
    acted_on = {key for keys, text in rows if "no effect" not in text for key in re.findall(r"`(\w+)`", keys)}
    named = set(re.findall(r"`(\w+)`", page))
    read = set(re.findall(r'(?:ItemCaseSensitive|json_get_\w+|read_\w+|require_text)\((?:config->)?(?:source|config), "(\w+)"', source)) | set(
        re.findall(r'^ +\{"(\w+)", ', source, re.M))
    assert {"vocab_size", "n_embd", "embd_pdrop", "id2label", "pad_token_id"} <= read
    assert not read - named, "keys that the page does not have"
    assert all(f'"{key}"' in source for key in acted_on - {"label2id"}), "keys that the source does not read"
