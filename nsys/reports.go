package nsys

import (
	"regexp"
	"strings"
)

// A report is one of those reports of `nsys stats` that list events.
type report struct {
	name    string
	columns []string // titles without units, in the order of the row's fields
	needed  int      // so many of the columns, from the first, must be there
	read    func(*Stats, *fields)
	// instead names the report whose events these repeat: where one input has
	// both, they come from that one.
	instead string
}

// eventReports are told apart by their columns, which have survived every
// change of the reports' names. More particular ones stand first.
var eventReports = []report{
	{"cuda_gpu_trace", []string{"Start", "Duration", "Name", "CorrId", "Strm", "Device", "Ctx", "GrdX", "GrdY", "GrdZ",
		"BlkX", "BlkY", "BlkZ", "Bytes", "SrcMemKd", "DstMemKd"}, 6, (*Stats).gpuRow, ""},
	{"cuda_api_trace", []string{"Start", "Duration", "Name", "CorrID", "Pid", "Tid", "Thread Name"}, 6, (*Stats).apiRow, ""},
	{"cuda_kern_exec_trace", []string{"API Start", "API Dur", "Kernel Start", "Kernel Dur", "PID", "TID", "DevId",
		"API Function", "Kernel Name", "GridXYZ", "BlockXYZ"}, 9, (*Stats).execRow, "cuda_gpu_trace"},
	{"nvtx_pushpop_trace", []string{"Start", "End", "Name", "PID", "TID"}, 5, (*Stats).rangeRow, ""},
	{"nvtx_gpu_proj_trace", []string{"Name", "Projected Start", "Projected Duration", "Orig Start", "Orig Duration",
		"PID", "TID"}, 7, (*Stats).projectionRow, "nvtx_pushpop_trace"},
}

// Places of columns in a row's fields, by report.
const (
	gpuFieldStart = iota
	gpuFieldDuration
	gpuFieldName
	gpuFieldCorrelation
	gpuFieldStream
	gpuFieldDevice
	gpuFieldContext
	gpuFieldGrid        // and the two behind it
	gpuFieldBlock  = 10 // and the two behind it
	gpuFieldBytes  = 13
	gpuFieldSource = 14
	gpuFieldTarget = 15
)

const (
	apiFieldStart = iota
	apiFieldDuration
	apiFieldName
	apiFieldCorrelation
	apiFieldPID
	apiFieldTID
	apiFieldThread
)

const (
	execFieldStart = iota
	execFieldDuration
	execFieldKernelStart
	execFieldKernelDuration
	execFieldPID
	execFieldTID
	execFieldDevice
	execFieldName
	execFieldKernel
	execFieldGrid
	execFieldBlock
)

const (
	rangeFieldStart = iota
	rangeFieldEnd
	rangeFieldName
	rangeFieldPID
	rangeFieldTID
)

const (
	projFieldName = iota
	projFieldStart
	projFieldDuration
	projFieldRangeStart
	projFieldRangeDuration
	projFieldPID
	projFieldTID
)

// reportNames maps the names that reports had up to 2022.4 to those of today.
var reportNames = map[string]string{
	"apigpusum": "cuda_api_gpu_sum", "cudaapisum": "cuda_api_sum", "cudaapitrace": "cuda_api_trace",
	"gpukernsum": "cuda_gpu_kern_sum", "gpumemsizesum": "cuda_gpu_mem_size_sum", "gpumemtimesum": "cuda_gpu_mem_time_sum",
	"gpusum": "cuda_gpu_sum", "gputrace": "cuda_gpu_trace", "kernexecsum": "cuda_kern_exec_sum",
	"kernexectrace": "cuda_kern_exec_trace", "nvtxgpuproj": "nvtx_gpu_proj_trace", "nvtxkernsum": "nvtx_kern_sum",
	"nvtxppsum": "nvtx_pushpop_sum", "nvtxpptrace": "nvtx_pushpop_trace", "nvtxsesum": "nvtx_startend_sum",
	"nvtxsum": "nvtx_sum", "openaccsum": "openacc_sum", "openmpevtsum": "openmp_sum", "osrtsum": "osrt_sum",
	"unifiedmemory": "um_sum", "unifiedmemorytotals": "um_total_sum", "umcpupagefaults": "um_cpu_page_faults_sum",
}

// Where the name of a report stands: in what nsys says while it works, in the
// title of a table, in the name of a file.
var (
	processedReport = regexp.MustCompile(`^Processing \[.*?\] with \[(?:[^\]]*[/\\])?([a-z0-9_]+)(?:\.py)?\]`)
	titledReport    = regexp.MustCompile(`^ ?\*\* .*\(([a-z0-9_]+)(?::[^)]*)?\):\s*$`)
	executedReport  = regexp.MustCompile(`^\[\d+/\d+\] Executing '([a-z0-9_]+)`)
	fileReport      = regexp.MustCompile(`(?:^|[_.-])((?:[a-z0-9]+_)*[a-z0-9]+_(?:sum|trace)|[a-z]+(?:sum|trace|gpuproj))(?:_(?:base|mangled|nvtx-name))*\.(?:csv|json|tsv|txt)`)
)

// chatter are the beginnings of the other lines that nsys prints around tables.
var chatter = []string{
	"Processing", "SKIPPED:", "NOTICE:", "WARNING:", "ERROR:", "Generating", "Exporting", "Using ", "Collecting",
	"PROCESSED", "It is assumed", "Consider using", "File is older", "Use --force", "[", "** ", "|", "=",
}

// reportIn returns the name of the report that a line of nsys's chatter
// announces.
func reportIn(line string) (name string, ok bool) {
	for _, re := range []*regexp.Regexp{processedReport, titledReport, executedReport} {
		if m := re.FindStringSubmatch(line); m != nil {
			return today(m[1]), true
		}
	}
	return "", false
}

// reportOf returns the name of the report in a file's name. Those of several
// words are known by their list of words: report1_cuda_gpu_trace.csv.
func reportOf(file string) string {
	file = file[strings.LastIndexAny(file, `/\`)+1:]
	m := fileReport.FindStringSubmatch(file)
	if m == nil {
		return ""
	}
	for _, start := range []string{"cuda_", "nvtx_", "osrt_", "um_", "mpi_", "openmp_", "openacc_", "opengl_", "vulkan_", "dx11_", "dx12_", "wddm_", "syscall_", "nvvideo_"} {
		if i := strings.Index(m[1], start); i >= 0 {
			return m[1][i:]
		}
	}
	return today(m[1])
}

func today(name string) string {
	if now, ok := reportNames[name]; ok {
		return now
	}
	return name
}

func isChatter(line string) bool {
	line = strings.TrimSpace(line)
	for _, start := range chatter {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return line == ""
}
