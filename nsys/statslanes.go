package nsys

import (
	"strconv"
	"strings"

	"omnitrace/trace"
)

// Sorts of lanes, in their keys.
const (
	threadLane     = 't'
	streamLane     = 's'
	allStreamsLane = 'a'
)

// lane looks a lane up by its sort and what else tells it from others.
func (s *Stats) lane(sort byte, a, b, c []byte) (trace.TrackID, bool) {
	s.key = append(append(s.key[:0], sort), a...)
	s.key = append(append(s.key, 0), b...)
	s.key = append(append(s.key, 0), c...)
	id, ok := s.lanes[string(s.key)]
	return id, ok
}

// addLane adds the lane that was just looked for.
func (s *Stats) addLane(t trace.Track) trace.TrackID {
	id := trace.TrackID(len(s.header.Tracks))
	s.lanes[string(s.key)] = id
	s.header.Tracks = append(s.header.Tracks, t)
	return id
}

// thread returns the lane of a host thread. Only cuda_api_trace names threads.
func (s *Stats) thread(pid, tid, name []byte) trace.TrackID {
	id, ok := s.lane(threadLane, pid, tid, nil)
	if !ok {
		t := trace.Track{Process: s.process(pid), Device: -1}
		t.ID, t.Text = laneID(tid)
		id = s.addLane(t)
	}
	if t := &s.header.Tracks[id]; t.Name == "" && len(name) > 0 {
		t.Name = valid(name, &s.header.Health)
	}
	return id
}

// stream returns the lane of a stream. The report does not say whose it is.
func (s *Stats) stream(device, context, stream []byte) trace.TrackID {
	id, ok := s.lane(streamLane, device, context, stream)
	if ok {
		return id
	}
	t := trace.Track{Process: -1, Device: s.device(device)}
	t.ID, t.Text = laneID(stream)
	if c := string(context); c != "" && c != "1" && t.Text == "" {
		t.Text = "context " + c
	}
	return s.addLane(t)
}

// anyStream returns the lane of all streams of a process on a device, for
// reports that don't tell streams, or devices, apart.
func (s *Stats) anyStream(pid, device []byte) trace.TrackID {
	id, ok := s.lane(allStreamsLane, pid, device, nil)
	if ok {
		return id
	}
	t := trace.Track{Process: s.process(pid), Device: -1, ID: -1, Text: "all streams"}
	if device != nil {
		t.Device = s.device(device)
	}
	return s.addLane(t)
}

// laneID returns the number of a thread or stream, or its text.
func laneID(text []byte) (int64, string) {
	id, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case err == nil:
		return id, ""
	case len(text) == 0:
		return -1, "no stream"
	}
	return -1, string(text)
}

func (s *Stats) process(pid []byte) int {
	if pid == nil {
		return -1
	}
	at, ok := s.processes[string(pid)]
	if !ok {
		at = len(s.header.Processes)
		s.processes[string(pid)] = at
		s.header.Processes = append(s.header.Processes, trace.Process{PID: string(pid)})
	}
	return at
}

// device returns the device that "NVIDIA H100 80GB HBM3 (0)" or "0" names. The
// number is that by which the process knows it.
func (s *Stats) device(text []byte) int {
	at, ok := s.devices[string(text)]
	if !ok {
		at = len(s.header.Devices)
		s.devices[string(text)] = at
		name, number := splitTitle(string(text))
		if number == "" {
			name, number = "", name
		}
		index, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			name = strings.TrimSpace(string(text))
		}
		s.header.Devices = append(s.header.Devices, trace.Device{Index: index, Name: name})
	}
	return at
}

func (s *Stats) detail(d trace.Detail) trace.DetailID {
	id, ok := s.details[d]
	if !ok {
		id = trace.DetailID(len(s.header.Details))
		s.details[d] = id
		s.header.Details = append(s.header.Details, d)
	}
	return id
}
