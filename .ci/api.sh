#!/usr/bin/env bash
# The public API of each published crate as a listing in docs/api/, so that a change of it shows in a diff.
#   .ci/api.sh               writes the listings
#   .ci/api.sh --check       exit 1 if they are behind
#   .ci/api.sh --since TAG   what was removed or changed since then must come with a new version (0.x: the minor one)
#
# rustdoc's JSON is read by cargo-public-api; both belong together: another compiler may want another version of it.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTDOCFLAGS="-Z unstable-options --output-format json"
target=${CARGO_TARGET_DIR:-target}

crates() { # those that are published: the name, and the name of the library
    cargo metadata --format-version 1 --no-deps | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["publish"] is None:
        print(package["name"], package["name"].replace("-", "_"))'
}

list() { # list FOLDER: writes the listings
    local name library rustdoc
    command -v cargo-public-api >/dev/null || { echo "cargo install --locked cargo-public-api@0.52.0"; return 1; }
    rustdoc=$(mktemp) # the stable rustdoc writes JSON when told so; the crates themselves are built as always
    printf '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$@"\n' >"$rustdoc"
    chmod +x "$rustdoc"
    # shellcheck disable=SC2046
    RUSTDOC=$rustdoc cargo doc --quiet --no-deps --all-features $(crates | sed 's/ .*//; s/^/-p /')
    rm -f "$rustdoc"
    while read -r name library; do
        # without what the compiler derives or implements by itself
        cargo public-api --rustdoc-json "$target/doc/$library.json" -sss --color never >"$1/$name.txt"
    done < <(crates)
}

since() { # since TAG
    local folder old new
    folder=$(mktemp -d)
    git archive "$1" docs/api Cargo.toml | tar -x -C "$folder"
    old=$(sed -n 's/^version = "\(.*\)"/\1/p' "$folder/Cargo.toml" | head -n 1)
    new=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    gone=$(diff -r -x README.md "$folder/docs/api" docs/api | grep -E '^(<|Only in /)' || true)
    rm -rf "$folder"
    if [ -z "$gone" ]; then echo "semver: nothing was removed or changed since $1"; return 0; fi
    echo "semver: removed or changed since $1:"; echo "$gone"
    [ "${old%.*}" != "${new%.*}" ] || { echo "semver: $new must not break what $old promised"; return 1; }
}

case ${1:-} in
    --since) since "$2" ;;
    --check)
        if LC_ALL=C grep -ohE '(^|[^:A-Za-z0-9_])[a-z][a-z0-9_]*::' docs/api/*.txt | grep -vE '(core|alloc|std|bytes|gatepost(_[a-z0-9]+)?)::$'; then
            echo "no foreign type but those of bytes belongs into a public API (docs/architecture.md)"; exit 1
        fi
        fresh=$(mktemp -d)
        list "$fresh"
        diff -ru -x README.md docs/api "$fresh" || { rm -rf "$fresh"; echo "docs/api is behind: .ci/api.sh writes it"; exit 1; }
        rm -rf "$fresh" ;;
    *) mkdir -p docs/api; list docs/api ;;
esac
