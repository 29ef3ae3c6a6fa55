"""What the tool keeps to when things go wrong: kills, damaged journals, odd words, full disks, hostile workloads."""
