#!/usr/bin/env bash
# Fuzzes every target, or those named, and keeps what it finds.
#   fuzz/run.sh [SECONDS] [TARGET...]      default: 60 seconds for each target, as many at a time as there are cores (or JOBS)
# With MINIMIZE=1 the corpus is minimized at the end. Starts from fuzz/seeds and fuzz/regressions, learns into fuzz/corpus (not committed). An input that breaks a law is
# made as small as possible and put into fuzz/regressions, where `cargo test` replays it; then this ends with 1.
set -uo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}; shift || true
mapfile -t targets < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else sed -n '/\[\[bin\]\]/{n;s/name = "\(.*\)"/\1/p}' Cargo.toml; fi)
export RUSTC_BOOTSTRAP=1 # libFuzzer's flags are accepted by the stable compiler when told so
host=$(rustc -vV | sed -n 's/^host: //p')
[ ${#targets[@]} -gt 0 ] && [ -n "$host" ] || { echo "fuzz/run.sh: no target, or no rustc" >&2; exit 2; }
fuzz() { cargo fuzz "$1" --target "$host" "${@:2}"; }

one() { # one TARGET: prints what came of it, when it has ended
    local target=$1 found=0 said dictionary=() input smallest
    mkdir -p "corpus/$target" "seeds/$target" "regressions/$target"
    [ -s "dictionaries/$target.dict" ] && dictionary=("-dict=dictionaries/$target.dict")
    said=$(fuzz run "$target" "corpus/$target" "seeds/$target" "regressions/$target" -- "${dictionary[@]}" -max_total_time="$seconds" -max_len=8192 \
        -timeout=20 -rss_limit_mb=2048 -verbosity=0 -print_final_stats=1 2>&1) || found=1 # it did not build, or a law is broken
    said=$(grep -E 'number_of_executed_units|panicked|ERROR|error' <<<"$said" | sed 's/^/    /')
    for input in artifacts/"$target"/*; do
        [ -f "$input" ] || continue
        fuzz tmin "$target" --runs 2000 "$input" >/dev/null 2>&1
        smallest=$(ls -S -r artifacts/"$target"/* | head -n 1)
        cp "$smallest" "regressions/$target/$(sha256sum "$smallest" | cut -c1-16)"
        said+=$'\n'"    a law is broken: fuzz/regressions/$target has the input"
        rm -f artifacts/"$target"/*
    done
    [ -z "${MINIMIZE:-}" ] || fuzz cmin "$target" "corpus/$target" >/dev/null 2>&1
    find "seeds/$target" "regressions/$target" -maxdepth 0 -empty -delete
    printf -- '--- fuzz %s, %s s\n%s\n' "$target" "$seconds" "$said"
    return $found
}

# Built before: no target's time goes into it.
for target in "${@:-}"; do fuzz build ${target:+"$target"} 2>&1 | grep -E '^(error|warning: unused)' -A5; [ "${PIPESTATUS[0]}" -eq 0 ] || exit 1; done
export -f one fuzz
export seconds host
printf '%s\n' "${targets[@]}" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -uo pipefail -c 'one {}' || exit 1
