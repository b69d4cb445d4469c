// Package archtest holds the project to what DESIGN.md says about its shape:
// which package may import which, which library lives where, and that every
// file is formatted, documented and free of paths of one machine.
//
// Its one design decision: the tables of DESIGN.md are the rules. The tests
// read them, so the page can't fall behind the code. There is no code here but
// tests, and nothing imports the package.
package archtest
