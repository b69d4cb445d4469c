#!/usr/bin/env bash
# Times every output of a trace beside the summary in JSON and prints a Markdown
# table: medians of wall and CPU time, and the size of what was
# written.
#
#   bench/outputs.sh [-n ROUNDS] TRACE        default: -n 5
#
# The outputs take turns, so that what else the machine does is shared by all.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
rounds=5
while getopts n: option; do
  case $option in
    n) rounds=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
trace=${1:?name a trace}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$root" && go build -o "$dir/omnitrace" ./cmd/omnitrace)

outputs=(json text markdown csv html pprof parquet jsonl)
run() {
  local out=$dir/out.$1
  case $1 in
    pprof | parquet | jsonl) "$dir/omnitrace" export --quiet "$trace" --format "$1" -o "$out" ;;
    *) "$dir/omnitrace" summarize --quiet "$trace" --format "$1" -o "$out" ;;
  esac
}

TIMEFORMAT='%R %U %S'
for ((i = 0; i < rounds; i++)); do
  for output in "${outputs[@]}"; do
    { time run "$output" 2>/dev/null; } 2>>"$dir/times.$output"
  done
done

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
echo "| output | wall | CPU | CPU, of json | size |"
echo "|---|---|---|---|---|"
base=$(awk '{ print $2 + $3 }' "$dir/times.json" | median)
for output in "${outputs[@]}"; do
  wall=$(awk '{ print $1 }' "$dir/times.$output" | median)
  cpu=$(awk '{ print $2 + $3 }' "$dir/times.$output" | median)
  size=$(du -bs "$dir/out.$output" | cut -f1)
  awk -v o="$output" -v w="$wall" -v c="$cpu" -v b="$base" -v s="$size" \
    'BEGIN { printf "| %s | %.2f s | %.2f s | %.2f | %.2f MB |\n", o, w, c, c / b, s / 1e6 }'
done
