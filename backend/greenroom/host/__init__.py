"""The one room with torch, run as its own processes: the zygote, the hosts, their batches and runtimes."""
