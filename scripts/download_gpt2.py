#!/usr/bin/env python3
"""Download OpenAI's GPT-2 (124 M parameters) as a Hugging Face model folder.

usage: download_gpt2.py OUTPUT [--url URL] [--digests FILE] [--attempts 5]

Fetches config.json, vocab.json, merges.txt and model.safetensors (548 MB) from URL/NAME into OUTPUT. A download that breaks
off is taken up where it stopped, now (up to --attempts times a file) or when the script is run again; a file that is
there and right is not fetched again. What arrives is checked by its SHA-256 before it gets its name:

  vocab.json, merges.txt    against the digests below
  the others                against FILE (lines "DIGEST  NAME", as sha256sum prints them), else against the digest that the
                            server gives for large files (X-Linked-ETag or ETag); a file without either is only checked
                            by its size and, for JSON, by being whole, and the script says so

Needs the standard library alone. Exit code 0 when all files are there, 1 for bad use, 2 when a file could not be had."""
import argparse
import hashlib
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = "https://huggingface.co/gpt2/resolve/main"
FILES = ["config.json", "vocab.json", "merges.txt", "model.safetensors"]
KNOWN_DIGESTS = {
    "vocab.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
TIMEOUT = 30  # seconds without a byte before a connection counts as broken
PIECE = 1 << 20  # bytes
SHA256 = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')


class Corrupt(Exception):
    """What arrived is not what was asked for; nothing of it is kept."""


def say(text):
    print(f"download_gpt2: {text}", file=sys.stderr, flush=True)


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps the digest that only the first answer carries."""

    def __init__(self):
        self.digest = None

    def redirect_request(self, request, answer, code, message, headers, url):
        self.digest = self.digest or digest_in(headers)
        return super().redirect_request(request, answer, code, message, headers, url)


def digest_in(headers):
    for name in ("X-Linked-ETag", "ETag"):
        found = SHA256.match(headers.get(name, "").strip())
        if found:
            return found[1]
    return None


def total_size(answer, start):
    """The whole file's size in bytes, by the answer's headers; None where it does not say."""
    part = re.match(r"bytes (\d+)-\d+/(\d+)$", answer.headers.get("Content-Range", ""))
    if answer.status == 206:
        if not part or int(part[1]) != start:
            raise Corrupt("the server sent another part of the file than was asked for")
        return int(part[2])
    length = answer.headers.get("Content-Length")
    return int(length) if length else None


def fetch_rest(url, part):
    """Append to the file `part` what it lacks; returns the digest that the server names, or None. Raises OSError or
    HTTPException when the connection breaks: `part` then holds what arrived."""
    start = os.path.getsize(part) if os.path.exists(part) else 0
    redirects = Redirects()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.build_opener(redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        whole = re.match(r"bytes \*/(\d+)$", error.headers.get("Content-Range", ""))
        if error.code == 416 and whole and int(whole[1]) == start:
            return redirects.digest or digest_in(error.headers)
        if error.code == 416:
            raise Corrupt("the part that is here is longer than the file") from error
        raise
    with answer:
        if answer.status != 206:
            start = 0  # the server sends the whole file, whatever was asked for
        size = total_size(answer, start)
        with open(part, "ab" if start else "wb") as file:
            for piece in iter(lambda: answer.read(PIECE), b""):
                file.write(piece)
        # A connection that was closed early looks like the end of the file.
        if size is not None and os.path.getsize(part) < size:
            raise ConnectionError(f"the connection ended after {os.path.getsize(part)} of {size} bytes")
        return redirects.digest or digest_in(answer.headers)


def check(name, part, digest):
    """Raise Corrupt unless the downloaded file is what it should be."""
    if digest:
        found = digest_of(part)
        if found != digest:
            raise Corrupt(f"SHA-256 is {found}, should be {digest}")
    elif name.endswith(".json"):
        try:
            with open(part, encoding="utf-8") as file:
                json.load(file)
        except ValueError as error:
            raise Corrupt(f"not a whole JSON file: {error}") from error
    if not digest:
        say(f"{name}: no digest is known for it; only its size was checked")


def permanent(error):
    """Whether trying again would give the same answer."""
    return isinstance(error, urllib.error.HTTPError) and 400 <= error.code < 500 and error.code not in (408, 429)


def fetch(url, path, known, attempts):
    """Fetch one file; True when it is there and right."""
    name, part = os.path.basename(path), path + ".part"
    for attempt in range(1, attempts + 1):
        try:
            named = fetch_rest(url, part)
            check(name, part, known or named)
            os.replace(part, path)
            say(f"{name}: {os.path.getsize(path)} bytes")
            return True
        except Corrupt as error:
            if os.path.exists(part):
                os.remove(part)
            problem = error
        except (OSError, http.client.HTTPException) as error:
            problem = error
        say(f"{name}: {problem} (attempt {attempt} of {attempts})")
        if permanent(problem):
            break
        if attempt < attempts:
            time.sleep(min(0.1 * 2**attempt, 10))
    return False


def read_digests(path):
    digests = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r"^([0-9a-fA-F]{64})\s+\*?(\S+)$", line.strip())
            if not found and line.strip():
                raise ValueError(f"{path}:{number}: not a line of sha256sum")
            if found:
                digests[found[2]] = found[1].lower()
    return digests


def present(path, digest):
    """Whether the file is there already. A finished file was checked before it got its name; it is checked again where
    its digest is known."""
    return os.path.exists(path) and (not digest or digest_of(path) == digest)


def main():
    arguments = argparse.ArgumentParser(description="Download GPT-2 (124 M) as a Hugging Face model folder.")
    arguments.add_argument("output", help="folder to write into")
    arguments.add_argument("--url", default=URL, help=f"where the files lie ({URL})")
    arguments.add_argument("--digests", help="file of SHA-256 digests, as sha256sum prints them")
    arguments.add_argument("--attempts", type=int, default=5, help="tries a file (5)")
    options = arguments.parse_args()
    try:
        digests = {**KNOWN_DIGESTS, **(read_digests(options.digests) if options.digests else {})}
        os.makedirs(options.output, exist_ok=True)
    except (OSError, ValueError) as error:
        say(f"error: {error}")
        return 1
    for name in FILES:
        path = os.path.join(options.output, name)
        if present(path, digests.get(name)):
            say(f"{name}: already there")
        elif not fetch(f"{options.url.rstrip('/')}/{name}", path, digests.get(name), options.attempts):
            say(f"error: {name} could not be had from {options.url}; run again to go on")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
