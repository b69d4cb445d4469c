//go:build unix

// Command compare times a program against gzip -dc, and against itself without
// attribution, on the same compressed files and prints a Markdown table.
//
// Its one design decision: they run alternately in one process's time, so a
// machine that slows down or speeds up meanwhile does so for all, and what is
// reported is the median of the ratios of neighbours. Wall time is compared,
// for the program may use all cores and gzip has one; the cost of attribution
// in CPU time too, which other users of the machine disturb less.
//
//	compare -n 5 -program ./omnitrace FILE.json.gz…
//
// The program is run as "PROGRAM summarize FILE --format json", and the same with
// --table stages,devices,categories,kernels,memory: no operators are read then,
// and no python frames but those that name stages. bench/run.sh makes the files.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	program := flag.String("program", "./omnitrace", "the `omnitrace` to measure")
	rounds := flag.Int("n", 5, "how often each is run")
	flag.Parse()
	if err := run(*program, *rounds, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(program string, rounds int, files []string) error {
	if len(files) == 0 || rounds < 1 {
		return fmt.Errorf("nothing to do: want -n of at least 1 and compressed traces")
	}
	fmt.Printf("%s/%s, %d cores, median of %d\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), rounds)
	fmt.Println("| file | compressed | JSON | GPU events | gzip -dc | omnitrace | omnitrace / gzip (least … most) | with / without attribution | the same in CPU time | peak memory |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, file := range files {
		r, err := compare(program, file, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Println(r)
	}
	return nil
}

// gpuEvents counts the events that a summary in JSON is made of.
func gpuEvents(summary []byte) (int64, error) {
	var s struct {
		Tables struct {
			Kernels, Memory []struct{ Count int64 }
		}
	}
	if err := json.Unmarshal(summary, &s); err != nil {
		return 0, err
	}
	n := int64(0)
	for _, row := range append(s.Tables.Kernels, s.Tables.Memory...) {
		n += row.Count
	}
	return n, nil
}
