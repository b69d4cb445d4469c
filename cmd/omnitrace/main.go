// Command omnitrace analyses GPU profiles of vLLM-Omni. See README.md.
package main

import (
	"os"

	"omnitrace/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
