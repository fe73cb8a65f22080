#!/usr/bin/env python3
"""Download OpenAI's GPT-2 (124 M parameters) as a Hugging Face model folder.

usage: download_gpt2.py OUTPUT [--url URL] [--digests FILE] [--attempts 5]

Downloads config.json, vocab.json, merges.txt and model.safetensors (548 MB) from URL/NAME to OUTPUT, and of tokenizer.json,
tokenizer_config.json, special_tokens_map.json and added_tokens.json those that the server has. An interrupted download
continues where it stopped, at once (up to --attempts times per file) or when the script runs again; it skips files that
are already complete. Several downloads into one folder at once do not harm each other: each writes to a file of its own,
NAME.HOST-PID.part, which it locks; one that nobody locks was left by a download that ended. Each file is checked by its SHA-256 before it gets its name:

  vocab.json, merges.txt    by the digests below
  the others                by FILE (lines "DIGEST  NAME", as sha256sum prints them), else by the digest that the server
                            sends for large files (X-Linked-ETag or ETag); without either the script checks only the size
                            and, for JSON, the syntax, and says so

Needs only the standard library. Exit code 0: all files are there, 1: bad use, 2: a download failed."""
import argparse
import fcntl
import glob
import hashlib
import http.client
import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

URL = "https://huggingface.co/gpt2/resolve/main"
OPTIONAL = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]  # a model may lack them
FILES = ["config.json", "vocab.json", "merges.txt", *OPTIONAL, "model.safetensors"]
KNOWN_DIGESTS = {
    "vocab.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
}
TIMEOUT = 30  # seconds without a byte before a connection counts as broken
PIECE = 1 << 20  # bytes
SHA256 = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')


class Corrupt(Exception):
    """The downloaded data is wrong and will be deleted."""


def say(text):
    print(f"download_gpt2: {text}", file=sys.stderr, flush=True)


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects and keep the digest, which only the first answer has."""
    digest = None

    def redirect_request(self, request, answer, code, message, headers, url):
        self.digest = self.digest or digest_in(headers)
        return super().redirect_request(request, answer, code, message, headers, url)


def digest_in(headers):
    found = [SHA256.match(headers.get(name, "").strip()) for name in ("X-Linked-ETag", "ETag")]
    return next((match[1] for match in found if match), None)


def total_size(answer, start):
    """The size of the complete file in bytes by the answer's headers, or None."""
    part = re.match(r"bytes (\d+)-\d+/(\d+)$", answer.headers.get("Content-Range", ""))
    if answer.status == 206:
        if not part or int(part[1]) != start:
            raise Corrupt("the server sent another part of the file than requested")
        return int(part[2])
    length = answer.headers.get("Content-Length")
    return int(length) if length else None


class Part:
    """The file that a download writes to, beside `path`: what an earlier download left, or a new one. Locked until it is closed."""

    def __init__(self, path):
        self.path = f"{path}.{socket.gethostname().split('.')[0]}-{os.getpid()}.part"
        self.file = None
        for left in sorted(glob.glob(glob.escape(path) + "*.part"), key=size_of, reverse=True):
            self.take(left)
        if not self.file:
            self.file = open(self.path + ".new", "w+b")  # locked before another process can find it
            lock(self.file)
            os.rename(self.path + ".new", self.path)

    def take(self, left):
        """Continue what is left, or remove it if there was a larger one; leave what another process writes."""
        try:
            file = open(left, "r+b")
        except OSError:  # renamed meanwhile, or not ours
            return
        # Another process may have taken it between the search and the lock.
        if not lock(file) or not is_at(left, file):
            file.close()
        elif self.file:
            os.remove(left)
            file.close()
        else:
            os.rename(left, self.path)
            self.file = file

    def size(self):
        return os.fstat(self.file.fileno()).st_size

    def start_at(self, size):
        """Keep so many bytes, and write after them."""
        self.file.truncate(size)
        self.file.seek(size)

    def finish(self, path):
        self.file.flush()
        os.fsync(self.file.fileno())
        os.replace(self.path, path)
        self.file.close()

    def close(self):
        """What has arrived stays for the next download, if there is something."""
        if self.size() == 0:
            os.remove(self.path)
        self.file.close()


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def lock(file):
    """Whether this process now holds the file. A file system without locks gives none: such a file is left alone."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def is_at(path, file):
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def fetch_rest(url, part):
    """Append the missing bytes to the Part; return the digest that the server sent, or None. If the connection breaks,
    raise OSError or HTTPException; `part` then holds what has arrived."""
    start = part.size()
    redirects = Redirects()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.build_opener(redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        size = re.match(r"bytes \*/(\d+)$", error.headers.get("Content-Range", ""))
        if error.code == 416 and size and int(size[1]) == start:
            return redirects.digest or digest_in(error.headers)
        if error.code == 416:
            raise Corrupt("the partial file is longer than the file on the server") from error
        raise
    with answer:
        if answer.status != 206:
            start = 0  # the server ignored the range and sends the complete file
        size = total_size(answer, start)
        part.start_at(start)
        try:
            for piece in iter(lambda: answer.read(PIECE), b""):
                part.file.write(piece)
        finally:
            part.file.flush()
        # A closed connection looks like the end of the file.
        if size is not None and part.size() < size:
            raise ConnectionError(f"the connection ended after {part.size()} of {size} bytes")
        return redirects.digest or digest_in(answer.headers)


def check(name, part, digest):
    """Raise Corrupt unless the downloaded file has this digest or, if there is none, is JSON where its name says so."""
    if digest:
        found = digest_of(part)
        if found != digest:
            raise Corrupt(f"SHA-256: expected {digest}, got {found}")
        return
    try:
        if name.endswith(".json"):
            with open(part, encoding="utf-8") as file:
                json.load(file)
    except ValueError as error:
        raise Corrupt(f"not valid JSON: {error}") from error
    say(f"{name}: without a digest only its size was checked")


def fetch(url, path, known, attempts, optional=False):
    """Download one file; True if it is complete, or if an optional one does not exist."""
    part = Part(path)
    try:
        end = fetch_part(url, os.path.basename(path), part, known, attempts, optional)
        if end == "complete":
            part.finish(path)
            say(f"{os.path.basename(path)}: {os.path.getsize(path)} bytes")
    finally:
        if not part.file.closed:
            part.close()
    return end != "failed"


def fetch_part(url, name, part, known, attempts, optional):
    """The same, into a Part: "complete", "absent" or "failed"."""
    for attempt in range(1, attempts + 1):
        try:
            sent = fetch_rest(url, part)
            check(name, part.path, known or sent)
            return "complete"
        except Corrupt as error:
            part.start_at(0)
            problem = error
        except (OSError, http.client.HTTPException) as error:
            problem = error
        code = problem.code if isinstance(problem, urllib.error.HTTPError) else 0
        if code == 404 and optional:
            part.start_at(0)
            say(f"{name}: the model has none")
            return "absent"
        say(f"{name}: {problem} (attempt {attempt} of {attempts})")
        if 400 <= code < 500 and code not in (408, 429):  # another attempt would fail in the same way
            break
        if attempt < attempts:
            time.sleep(min(0.1 * 2**attempt, 10))
    return "failed"


def read_digests(path):
    digests = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = re.match(r"^(?:([0-9a-fA-F]{64})\s+\*?(\S+))?$", line.strip())
            if not found:
                raise ValueError(f"{path}:{number}: expected a digest and a file name, as sha256sum prints them")
            if found[1]:
                digests[found[2]] = found[1].lower()
    return digests


def main():
    arguments = argparse.ArgumentParser(description="Download GPT-2 (124 M) as a Hugging Face model folder.")
    arguments.add_argument("output", help="folder to write into")
    arguments.add_argument("--url", default=URL, help=f"where the files are ({URL})")
    arguments.add_argument("--digests", help="file of SHA-256 digests, as sha256sum prints them")
    arguments.add_argument("--attempts", type=int, default=5, help="attempts per file (5)")
    options = arguments.parse_args()
    try:
        digests = {**KNOWN_DIGESTS, **(read_digests(options.digests) if options.digests else {})}
        os.makedirs(options.output, exist_ok=True)
    except (OSError, ValueError) as error:
        say(f"error: {error}")
        return 1
    for name in FILES:
        path, digest = os.path.join(options.output, name), digests.get(name)
        # A file was checked before it got its name, and is checked again if its digest is known.
        if os.path.exists(path) and (not digest or digest_of(path) == digest):
            say(f"{name}: already there")
        elif not fetch(f"{options.url.rstrip('/')}/{name}", path, digest, options.attempts, name in OPTIONAL):
            say(f"error: cannot download {name} from {options.url}; run again to continue")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
