"""What a step cost: wall clock, CPU and peak memory of the client and of its server, and how busy the machine was besides.

The client's CPU and peak memory are the kernel's account of the reaped child, with the children that it waited for.  A server
runs on between the steps: its CPU is the difference over its process tree (with the children that ended meanwhile), its memory
a sampling of that tree every 20 ms.
"""
import os, subprocess, threading, time
from typing import NamedTuple

TICK, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


class Cost(NamedTuple):
    code: int  # exit code; negative: the signal
    wall: float  # seconds
    cpu: float
    rss: int  # bytes
    server_cpu: float
    server_rss: int
    foreign: float  # share of the machine's processors that others took meanwhile


def family(pid: int) -> list[int]:
    """pid and its living descendants."""
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        try:
            with open("/proc/%d/task/%d/children" % (p, p)) as f:
                todo += map(int, f.read().split())
        except OSError:
            pass  # it ended
    return found


def cpu_of(pid: int) -> float:
    total = 0
    for p in family(pid):
        try:
            with open("/proc/%d/stat" % p) as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))  # utime stime cutime cstime
    return total / TICK


def rss_of(pid: int) -> int:
    """The largest of the family: what one machine's memory has to hold is mostly one process, and shared pages count once."""
    largest = 0
    for p in family(pid):
        try:
            with open("/proc/%d/statm" % p) as f:
                largest = max(largest, int(f.read().split()[1]) * PAGE)
        except OSError:
            pass
    return largest


def busy() -> float:
    """CPU seconds that all processes of the machine have used; neither idle nor waiting for the disk."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:]]
    return (v[0] + v[1] + v[2] + v[5] + v[6]) / TICK


def wait_for_quiet(seconds: float) -> None:
    """Until others leave the processors nearly idle for half a second, but not for longer than this."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = busy()
        time.sleep(0.5)
        if busy() - before < 0.1:
            return


class Sampler:
    """The peak memory of a process tree while the with-block runs."""

    def __init__(self, pid: int | None):
        self.pid, self.peak = pid, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.stop.wait(0.02):
            self.peak = max(self.peak, rss_of(self.pid))

    def __enter__(self) -> "Sampler":
        if self.pid is not None:
            self.peak = rss_of(self.pid)
            self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        if self.pid is not None:
            self.stop.set()
            self.thread.join()


def run(command: list[str], env: dict[str, str], log, server: int | None) -> Cost:
    """Runs the command to its end.  `server` is the pid of a server that works for it."""
    server_before = cpu_of(server) if server is not None else 0.0
    busy_before, own_before = busy(), sum(os.times()[:2])
    with Sampler(server) as sampler:
        began = time.monotonic()
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    machine, own = busy() - busy_before, sum(os.times()[:2]) - own_before
    cpu = used.ru_utime + used.ru_stime
    server_cpu = 0.0
    if server is not None:
        for _ in range(40):  # children of the server that end with the connection are counted when they are gone
            if len(family(server)) == 1:
                break
            time.sleep(0.025)
        server_cpu = max(0.0, cpu_of(server) - server_before)
    foreign = max(0.0, (machine - own - cpu - server_cpu) / wall / (os.cpu_count() or 1))
    return Cost(child.returncode, wall, cpu, used.ru_maxrss * 1024, server_cpu, sampler.peak, foreign)
