package capture

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestReadmeHasEveryField: run.json is read by other programs, so each of its
// fields is described.
func TestReadmeHasEveryField(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[Record]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("%s is not described", name)
		}
	}
}
