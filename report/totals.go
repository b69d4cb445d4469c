package report

import "omnitrace/analyze"

// totalColumns describes the cells of [analyze.Summary].Totals.
var totalColumns = []analyze.Column{
	{Name: "kernels", Unit: analyze.Count},
	{Name: "launches", Unit: analyze.Count},
	{Name: "unlaunched", Unit: analyze.Count},
	{Name: "kernel_ns", Unit: analyze.Nanoseconds},
	{Name: "memcpy_ns", Unit: analyze.Nanoseconds},
	{Name: "memset_ns", Unit: analyze.Nanoseconds},
	{Name: "gpu_ns", Unit: analyze.Nanoseconds},
	{Name: "busy_ns", Unit: analyze.Nanoseconds},
	{Name: "exclusive_ns", Unit: analyze.Nanoseconds},
	{Name: "span_ns", Unit: analyze.Nanoseconds},
	{Name: "idle_ns", Unit: analyze.Nanoseconds},
}

// total returns the named total of the whole run, false where it is not known.
func total(s *analyze.Summary, name string) (int64, bool) {
	for i, c := range totalColumns {
		if c.Name == name {
			return cell(s.Totals, i).Int()
		}
	}
	return 0, false
}
