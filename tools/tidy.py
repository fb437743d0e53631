#!/usr/bin/env python3
"""tidy: the rules of the house that no compiler keeps. Prints each breach; exit 1 if there is one.

Reads build/rooms.json (written by CMake) and every file under src/, bench/, tests/ and tools/:
  - an #include of another room must be one that the room lists, so of a lower rank
  - pure rooms use no clock, thread, lock, socket, unordered container or random device
  - Asio, Beast, nghttp2 and OpenSSL only where architecture.md allows them
  - file and function sizes, line length (a raw string is data and keeps its own), no sleeps in
    tests, no leftovers, no braces in a co_await, no co_await beside && or || in a
    condition, a comment at the head
  - every room stands in ARCHITECTURE.md with its rank and kind
Exceptions stand in tools/tidy_allow.txt, one "rule path  reason" a line.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS_FILE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/rooms.json")
FILE_MAX, TEST_MAX, FUNCTION_MAX, COLUMNS = 600, 1000, 70, 100
IMPURE = [r"::now\(", r"<thread>", r"<mutex>", r"<shared_mutex>", r"<atomic>", r"random_device",
          r"unordered_(map|set)", r"<sys/socket\.h>", r"<fstream>", r"<iostream>", r"\bfopen\(",
          r"system_clock", r"steady_clock", r"base/log\.h"]
CONFINED = {  # header -> the folders that may include it
    r"<boost/asio": {"os", "crypto", "rpc", "api/http", "manager", "agent", "daemon"},
    r"<boost/beast": {"api/http"},
    r"<nghttp2": {"rpc"},
    r"<openssl": {"crypto", "rpc", "os"},
    r"<sqlite3": {"state", "state/sqlite"},
}
LEFTOVERS = r"\b(TODO|FIXME|XXX|HACK)\b"
SLEEPS = r"sleep_for|sleep_until|\busleep\(|(?<![\w.:>])sleep\("
SKIPS = r"GTEST_SKIP|DISABLED_"
BRACES_AWAITED = r"co_await[^;]*[(,] *\{"  # g++ 12 destroys what they make twice


def conditions_that_await(text):
    """(line, condition) of each if or while that joins a co_await to something else by && or ||:
    g++ 12 loses its way there, and skips what follows or awaits what it should not."""
    for match in re.finditer(r"\b(?:if|while) \(", text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        condition = " ".join(text[match.end():at - 1].split(";")[-1].split())
        if "co_await" in condition and re.search(r" (&&|\|\|) ", condition):
            yield text.count("\n", 0, match.start()) + 1, condition


def load_allowed():
    allowed = {}
    path = ROOT / "tools/tidy_allow.txt"
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            rule, name, reason = line.split(None, 2)
            allowed[(rule, name)] = reason
    return allowed


def room_of(path, rooms):
    """The innermost room that holds the file, or None for bench/, tests/ and tools/."""
    parts = path.relative_to(ROOT / "src").parts[:-1] if "src" in path.parts else ()
    for depth in range(len(parts), 0, -1):
        if "/".join(parts[:depth]) in rooms:
            return "/".join(parts[:depth])
    return None


def raw_string_lines(lines):
    """The numbers of the lines that a raw string begun earlier reaches into."""
    inside, end = set(), None
    for number, line in enumerate(lines, 1):
        if end:
            inside.add(number)
            end = None if end in line else end
        elif begun := re.search(r'R"([^()\\\s]*)\((?!.*\)\1")', line):
            end = ")" + begun[1] + '"'
    return inside


def functions(text):
    """(first line, length) of each function body: a line that ends in '{' behind a ')'."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        opens = re.match(r"^[\w\[].*\)\s*(const)?\s*(noexcept)?\s*(override)?\s*(->\s*[\w:<>*& ]+)?\s*\{$", line)
        follows = re.match(r"^\s{4,}.*\)\s*(const)?\s*(noexcept)?\s*(override)?\s*\{$", line) and at and \
            re.match(r"^\w", lines[at - 1])
        if opens or follows:
            end = next((i for i in range(at, len(lines)) if lines[i].startswith("}")), at)
            yield at + 1, end - at + 1
            at = end
        at += 1


class Checker:
    def __init__(self, rooms):
        self.rooms, self.allowed, self.breaches = rooms, load_allowed(), []
        self.room_names = {folder.replace("/", "_"): folder for folder in rooms}

    def breach(self, rule, path, line, text):
        name = str(path.relative_to(ROOT))
        if (rule, name) not in self.allowed:
            self.breaches.append(f"{name}:{line}: {rule}: {text}")

    def includes(self, path, room, lines):
        uses = {self.room_names.get(name, name) for name in self.rooms[room]["uses"] if name}
        is_test = path.name.endswith("_test.cc") or path.name == "testing.h"
        for number, line in enumerate(lines, 1):
            match = re.match(r'#include "([^"]+)/[^/"]+"', line)
            if not match:
                continue
            target = match[1]
            while target and target not in self.rooms:
                target = target.rpartition("/")[0]
            if not target or target == room or target in uses or is_test:
                continue
            self.breach("import", path, number, f"{room} does not list {target}")

    def room_table(self):
        """ARCHITECTURE.md's rows "| rank | room | does | kind |" are CMake's."""
        path = ROOT / "ARCHITECTURE.md"
        rows = re.findall(r"^\| (\d+) \| (\S+) \|.*\| (\w+) \|$", path.read_text(), re.MULTILINE)
        written = {folder: (int(rank), kind.upper()) for rank, folder, kind in rows}
        built = {folder: (room["rank"], room["kind"]) for folder, room in self.rooms.items()}
        for folder in sorted(written.keys() | built.keys()):
            if written.get(folder) != built.get(folder):
                self.breach("table", path, 1, f"{folder} is {built.get(folder)} in CMake, "
                                              f"{written.get(folder)} in the table")

    def purity(self, path, room, lines):
        if self.rooms[room]["kind"] != "PURE" or path.name.endswith("_test.cc"):
            return
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            for pattern in IMPURE:
                if re.search(pattern, code):
                    self.breach("pure", path, number, f"{pattern} in a pure room")

    def confined(self, path, room, lines):
        for number, line in enumerate(lines, 1):
            for pattern, folders in CONFINED.items():
                if line.startswith("#include " + pattern.replace("\\", "")) and path.parent.relative_to(
                        ROOT / "src").as_posix() not in folders and room not in folders:
                    self.breach("confined", path, number, f"{pattern[1:]} does not belong here")

    def text(self, path, lines, text):
        limit = TEST_MAX if "_test" in path.name else FILE_MAX
        if len(lines) > limit:
            self.breach("size", path, len(lines), f"{len(lines)} lines, at most {limit}")
        data = raw_string_lines(lines)
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS and number not in data:
                self.breach("columns", path, number, f"{len(line)} columns")
            if re.search(LEFTOVERS, line):
                self.breach("leftover", path, number, line.strip())
            if re.search(SKIPS, line):
                self.breach("skip", path, number, line.strip())
            if re.search(BRACES_AWAITED, line.split("//")[0]):
                self.breach("braces", path, number, "give it a name before the co_await")
            if re.search(SLEEPS, line.split("//")[0]) and "loop" not in line and "Co<" not in line:
                self.breach("sleep", path, number, line.strip())
        for number, condition in conditions_that_await(text):
            self.breach("await", path, number, f"a statement of its own for: {condition}")
        for number, length in functions(text):
            if length > FUNCTION_MAX:
                self.breach("function", path, number, f"{length} lines, at most {FUNCTION_MAX}")
        if path.suffix == ".h" and not lines[0].startswith("//"):
            self.breach("header", path, 1, "a header begins with a comment that says its purpose")

    def file(self, path):
        text = path.read_text()
        lines = text.split("\n")
        self.text(path, lines, text)
        room = room_of(path, self.rooms)
        if room:
            self.includes(path, room, lines)
            self.purity(path, room, lines)
            self.confined(path, room, lines)


def main():
    rooms = json.loads(ROOMS_FILE.read_text())
    checker = Checker(rooms)
    checker.room_table()
    for folder in ("src", "bench", "tests", "tools"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h"):
                checker.file(path)
    for line in checker.breaches:
        print(line)
    print(f"tidy: {len(checker.breaches)} breaches", file=sys.stderr)
    return 1 if checker.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
