#!/usr/bin/env bash
# Times "omnitrace summarize FILE --format json" against "gzip -dc FILE" on
# traces of about 0.1, 0.5 and 1 GB of JSON, and prints a Markdown table.
#
#   bench/run.sh [-n ROUNDS] [-d DIR] [MEGABYTES…]     default: -n 5, 100 500 1000
#
# The traces are a real one repeated: REPLICATE is the script that repeats it
# (default ../shared/bench/replicate.py, called as IN K OUT), TRACE the real one
# (default: stage 2 of testdata/qwen25omni). They are made in DIR, a temporary
# folder unless given; those that lie there already are used again.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
replicate=${REPLICATE:-$root/../shared/bench/replicate.py}
trace=${TRACE:-$(echo "$root"/testdata/qwen25omni/*_stage2_*/trace_rank0.json.gz)}
rounds=5
dir=

while getopts n:d: option; do
  case $option in
    n) rounds=$OPTARG ;;
    d) dir=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 100 500 1000

if [ -z "$dir" ]; then
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
fi
mkdir -p "$dir"
(cd "$root" && go build -o "$dir/omnitrace" ./cmd/omnitrace && go build -o "$dir/compare" ./bench/compare)

once=$(gzip -dc "$trace" | wc -c)
files=()
for megabytes in "$@"; do
  copies=$(((megabytes * 1000000 + once / 2) / once))
  [ "$copies" -gt 0 ] || copies=1
  file=$dir/$megabytes.json.gz
  if [ ! -e "$file" ]; then
    [ -e "$replicate" ] || { echo "no $replicate; REPLICATE names the script that repeats a trace" >&2; exit 1; }
    echo "making $file: $copies copies of $once bytes" >&2
    python3 "$replicate" "$trace" "$copies" "$dir/$megabytes.json" >&2
    gzip "$dir/$megabytes.json" # at the level that vLLM-Omni uses
  fi
  files+=("$file")
done
(cd "$root" && echo "omnitrace $(git describe --always --dirty 2>/dev/null || echo unknown), $(go version | cut -d' ' -f3), $(gzip --version | head -n 1)")
"$dir/compare" -n "$rounds" -program "$dir/omnitrace" "${files[@]}"
