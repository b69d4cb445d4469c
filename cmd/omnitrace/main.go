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
	// Large captures would take three times what they need: above this, memory
	// is collected as often as it takes. Events hold no pointers, so that costs
	// little; see DESIGN.md.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(900 << 20)
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
