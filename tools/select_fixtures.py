#!/usr/bin/env python3
"""Copy the PyTorch fixtures that this version supports into the test tree.

    python tools/gen_fixtures.py --out DIR
    python tools/select_fixtures.py DIR [--out tests/fixtures/pytorch]

Supported: every case without projection (`_p4`); the case name says it.
"""
import argparse
import pathlib
import re
import shutil

UNSUPPORTED = re.compile(r"_p\d+_")


def supported(case: str) -> bool:
    return not UNSUPPORTED.search(case)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default="tests/fixtures/pytorch")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    files = [f for f in sorted(args.source.glob("*.safetensors")) if supported(f.stem)]
    assert files, f"no supported fixture in {args.source}"
    for file in files:
        shutil.copyfile(file, args.out / file.name)
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes -> {args.out}")


if __name__ == "__main__":
    main()
