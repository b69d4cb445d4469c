package nsys

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// Rule: a decimal in any unit is the integer that exact arithmetic gives,
// rounded half to even.
func TestDecimalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{1,8}(\.[0-9]{0,15})?`).Draw(t, "text")
		name := rapid.SampledFrom([]string{"ns", "us", "ms", "s", "min", "MB", "MiB"}).Draw(t, "unit")
		u := units[name]
		got, _, ok := u.parse([]byte(text))
		if !ok {
			t.Fatalf("%q is no number", text)
		}
		exact, _ := new(big.Rat).SetString(text)
		exact.Mul(exact, new(big.Rat).SetInt64(u.scale))
		if want := roundHalfEven(exact); want.Cmp(big.NewInt(got)) != 0 {
			t.Fatalf("%s %s is %d, want %s", text, name, got, want)
		}
	})
}

func roundHalfEven(r *big.Rat) *big.Int {
	twice := new(big.Int).Mul(r.Num(), big.NewInt(2))
	twice.Add(twice, r.Denom())
	n, rest := new(big.Int).DivMod(twice, new(big.Int).Mul(r.Denom(), big.NewInt(2)), new(big.Int))
	if rest.Sign() == 0 && n.Bit(0) == 1 {
		n.Sub(n, big.NewInt(1))
	}
	return n
}

// Rule: what is no decimal number, or does not fit, is none.
func TestNoDecimals(t *testing.T) {
	for _, text := range []string{"", "-", ".", "1e3", "0x10", "1,000", "NaN", "1.2.3", "--1", "9223372036854775808", "1.0000000000000000x"} {
		if n, _, ok := units["ns"].parse([]byte(text)); ok {
			t.Errorf("%q is %d", text, n)
		}
	}
	for text, name := range map[string]string{"9223372037": "s", "153722868": "hours"} {
		if n, _, ok := units[name].parse([]byte(text)); ok {
			t.Errorf("%q %s is %d, which does not fit", text, name, n)
		}
	}
	if n, _, ok := units["s"].parse([]byte("9223372036.854775807")); !ok || n != 9223372036854775807 {
		t.Errorf("largest time is %d", n)
	}
}
