// Command omnitrace analyses GPU profiles of vLLM-Omni. See README.md.
package main

import (
	"os"
	"runtime/debug"

	"omnitrace/internal/cli"
)

func main() {
	// A run reads, adds up and ends: the heap is small, and collecting it half
	// as often saves a few per cent of the time.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
