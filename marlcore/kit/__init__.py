"""What every area needs once: files, run directories, executors, progress, tables, statistics, benchmarks."""
