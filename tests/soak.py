#!/usr/bin/env python3
"""One long training run that is disturbed all the time, and what must not come of it.

usage: tests/soak.py CREW SECONDS

While it trains, with real threads, its CPU quota changes (cgroup v1 or v2, where one can be made), busy processes on
single CPUs are switched on and off, and its workers are bound elsewhere from outside. Then: memory (RSS) no more than
BOUND_KB above what it was after the warm-up, in the log every round once and in the list of tasks every task of every
round once, and the weights those of the same rounds undisturbed (which takes about half the time again).
What cannot be done here is left out, and said so. SEED=7: other random numbers. Ends with 1 if something is wrong."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

B, TASK_ROWS, WORKERS = 16, 64, 2
ROWS = 20 * B * TASK_ROWS  # a tenth of them are for validation: 18 whole rounds an epoch
EPOCH_ROUNDS = 18
BOUND_KB, BOUND_SHORT_KB = 2048, 8192  # short: below a minute a worker may still touch its buffers for the first time
PERIODS_US, SHARES = [5000, 20000, 100000], [0.1, 0.25, 0.5, 0.75, 1, 1.5, None]  # None: no quota
BUSY = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nwhile os.getppid() == int(sys.argv[2]):\n" \
       "    for i in range(100000): pass\n"
wrong = []


def say(text):
    print(text, flush=True)


def miss(text):
    wrong.append(text)
    say("MISS: " + text)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


# ---- A CPU quota ----

def cpu_folders():
    """Folders of control groups below which one with a quota may be made: (folder, version)."""
    own = {}
    with open("/proc/self/cgroup") as f:
        for line in f:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for c in controllers.split(","):
                own[c] = path
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, right = line.split(" - ")
            kind, options, folder = right.split()[0], right.split()[2].split(","), left.split()[4]
            if kind == "cgroup" and "cpu" in options:
                yield folder + own.get("cpu", "/"), 1
                yield folder, 1
            elif kind == "cgroup2":
                yield folder + own.get("", "/"), 2
                yield folder, 2


class Quota:
    """A control group of its own for one process; without one, `folder` is None and `why` says why."""

    def __init__(self):
        self.folder, self.why = None, "there is no control group of CPU time"
        try:
            for above, version in cpu_folders():
                if self.make(above, version):
                    return
        except (OSError, ValueError) as e:
            self.why = str(e)

    def make(self, above, version):
        folder = os.path.join(above, "crew-soak-%d" % os.getpid())
        try:
            os.mkdir(folder)
        except OSError as e:
            self.why = "%s: %s" % (above, e.strerror)
            return False
        self.folder, self.version = folder, version
        try:
            self.set(None, 100000)
            return True
        except OSError as e:
            self.why = "%s: %s" % (folder, e.strerror)
            self.remove()
            return False

    def set(self, share, period_us):
        quota = -1 if share is None else max(1000, int(share * period_us))
        if self.version == 2:
            write(self.folder + "/cpu.max", "%s %d" % ("max" if quota < 0 else quota, period_us))
            return
        write(self.folder + "/cpu.cfs_quota_us", "-1")  # or a period might not go with it
        write(self.folder + "/cpu.cfs_period_us", str(period_us))
        write(self.folder + "/cpu.cfs_quota_us", str(quota))

    def take_in(self, pid):
        write(self.folder + "/cgroup.procs", str(pid))

    def remove(self):
        folder, self.folder = self.folder, None
        for _ in range(50):  # who was in it may be on the way out
            try:
                os.rmdir(folder)
                return
            except OSError:
                time.sleep(0.1)


# ---- What disturbs ----

class Disturbance:
    def __init__(self, pid, quota, rng):
        self.pid, self.quota, self.rng = pid, quota, rng
        self.cpus = sorted(os.sched_getaffinity(0))
        self.done = {"quota changes": 0, "co-runner switches": 0, "re-pins": 0}
        self.share, self.runs = None, {}
        self.busy = {}
        for cpu in self.cpus[:4]:
            p = subprocess.Popen([sys.executable, "-c", BUSY, str(cpu), str(os.getpid())])
            os.kill(p.pid, signal.SIGSTOP)
            self.busy[cpu], self.runs[cpu] = p, False
        self.acts = [[self.switch, 0.3, 3], [self.pin, 0.05, 0.5]]
        if quota.folder:
            self.acts.append([self.limit, 0.5, 3])
        self.due = [time.monotonic() + rng.uniform(a[1], a[2]) / 3 for a in self.acts]

    def act(self):
        """What is due; it may have ended meanwhile."""
        for i, (what, least, most) in enumerate(self.acts):
            if time.monotonic() >= self.due[i]:
                self.due[i] = time.monotonic() + self.rng.uniform(least, most)
                try:
                    what()
                except (ProcessLookupError, FileNotFoundError):
                    pass

    def limit(self):
        self.share = self.rng.choice(SHARES)
        self.quota.set(self.share, self.rng.choice(PERIODS_US))
        self.done["quota changes"] += 1

    def switch(self):
        cpu = self.rng.choice(list(self.busy))
        self.runs[cpu] = not self.runs[cpu]
        self.busy[cpu].send_signal(signal.SIGCONT if self.runs[cpu] else signal.SIGSTOP)
        self.done["co-runner switches"] += 1

    def pin(self):
        """One worker, to any CPUs."""
        threads = []
        for tid in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/comm" % (self.pid, tid)) as f:
                if re.fullmatch(r"crew \d+\n", f.read()):
                    threads.append(int(tid))
        if threads:
            some = self.rng.sample(self.cpus, self.rng.randint(1, len(self.cpus)))
            os.sched_setaffinity(self.rng.choice(threads), some)
            self.done["re-pins"] += 1

    def end(self):
        for p in self.busy.values():
            p.kill()
            p.wait()


def rss_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        found = re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)
    return int(found.group(1)) if found else None


# ---- The run, and what came of it ----

def last_round(log):
    """Of a log that is being written."""
    try:
        with open(log, "rb") as f:
            f.seek(0, 2)
            f.seek(max(0, f.tell() - 4096))
            found = re.findall(rb'"event":"round","round":(\d+),', f.read())
        return int(found[-1]) if found else 0
    except OSError:
        return 0


def crew_train(crew, *more):
    return [crew, "train", "-q", "--json", "--data", "synth:%dx64x10" % ROWS, "--val-fraction", "0.1",
            "--test-fraction", "0", "--model", "mlp:256,128", "--lr", "0.0005", "--batch-tasks", str(B),
            "--task-rows", str(TASK_ROWS), "--workers", str(WORKERS), *more]


def disturb(run, seconds, quota, rng, log):
    """Until it ends: its memory, as (seconds since the start, KiB, round)."""
    rss, began = [], time.monotonic()
    sampled = told = 0
    d = Disturbance(run.pid, quota, rng)
    try:
        while run.poll() is None:
            now = time.monotonic() - began
            d.act()
            if now >= sampled:
                sampled = now + min(0.5, seconds / 100)
                kb = rss_kb(run.pid)
                if kb:
                    rss.append((now, kb, last_round(log)))
            if now >= told + 60:
                told += 60
                say("%4.0f s: round %d, RSS %d KiB, quota %s, busy on CPUs %s, %s" % (
                    now, last_round(log), rss[-1][1] if rss else 0, d.share or "none",
                    [c for c in d.runs if d.runs[c]] or "none",
                    ", ".join("%d %s" % (n, what) for what, n in d.done.items())))
            if now > 2 * seconds + 120:
                miss("it does not end: %.0f s instead of %g" % (now, seconds))
                break
            time.sleep(0.02)
    finally:
        d.end()
    say("disturbed for %.0f s: %s" % (time.monotonic() - began,
                                      ", ".join("%d %s" % (n, what) for what, n in d.done.items())))
    for what, n in d.done.items():
        if not n and (quota.folder or what != "quota changes"):
            miss("no " + what)
    return rss


def check_memory(rss, seconds, crew):
    with open(crew, "rb") as f:
        binary = f.read()
    if b"__asan_init" in binary or b"__tsan_init" in binary:
        say("skip: memory: sanitizers keep what is freed")
        return
    warm = next((t for t, _, r in rss if t >= min(60, seconds / 2) and r > 4 * EPOCH_ROUNDS), seconds)
    before = [kb for t, kb, _ in rss if t <= warm]
    after = [(t, kb) for t, kb, _ in rss if t > warm]
    if len(after) < 10:
        say("skip: memory: the run is too short, or too slow, to warm up")
        if seconds >= 60:
            miss("memory was read %d times" % len(rss))
        return
    bound = BOUND_KB if seconds >= 60 else BOUND_SHORT_KB
    n, most = len(after), max(kb for _, kb in after)
    mt, mkb = sum(t for t, _ in after) / n, sum(kb for _, kb in after) / n
    slope = sum((t - mt) * (kb - mkb) for t, kb in after) / sum((t - mt) ** 2 for t, _ in after)
    say("memory: %d KiB after %.0f s of warm-up, then %d..%d, %+.2f KiB a minute; at most %d more are allowed" % (
        before[-1], warm, min(kb for _, kb in after), most, 60 * slope, bound))
    if most > before[-1] + bound:
        miss("memory grows: from %d to %d KiB" % (before[-1], most))


def check_log(log, rounds):
    expected = done = 0
    with open(log) as f:
        for line in f:
            if line.startswith('{"event":"round"'):
                r = json.loads(line)
                expected += 1
                done += sum(r["done"])
                if r["round"] != expected:
                    miss("the log has round %d after %d" % (r["round"], expected - 1))
                    return
    say("the log: %d rounds, %d tasks done" % (expected, done))
    if expected != rounds or done != rounds * B:
        miss("that should be %d rounds, %d tasks" % (rounds, rounds * B))


def check_tasks(tasks, rounds):
    """Each of a round's once, in rounds that follow each other."""
    seen, current, lines, marked = set(), 1, 0, {}
    with open(tasks) as f:
        next(f)
        for line in f:
            field = line.split(",")
            number, task = int(field[0]), int(field[2])
            if number == current + 1 and len(seen) == B:
                current, seen = number, set()
            if number != current or task in seen or not task < B or field[3] != "1":
                miss("tasks of round %d: after %s, line %s" % (current, sorted(seen), line.strip()))
                return
            seen.add(task)
            lines += 1
            marked[field[7]] = marked.get(field[7], 0) + 1
    say("the tasks: %d, by their flags %s" % (lines, dict(sorted(marked.items()))))
    if lines != rounds * B:
        miss("that should be %d tasks" % (rounds * B))


def result(path):
    with open(path) as f:
        return json.load(f)


def soak(crew, seconds, folder):
    rng = random.Random(int(os.environ.get("SEED", "1")))
    log, tasks, out = folder + "/log", folder + "/tasks", folder + "/out"
    every = max(0.5, min(10, seconds / 60))
    quota = Quota()
    if not quota.folder:
        say("skip: quota changes: " + quota.why)
    if len(os.sched_getaffinity(0)) < 2:
        say("skip: re-pins to another CPU: there is one")
    try:
        with open(out, "w") as f:
            run = subprocess.Popen(crew_train(crew, "--time-limit", str(seconds), "--log", log, "--log-tasks", tasks,
                                              "--checkpoint", folder + "/ck", "--every", "%gs" % every), stdout=f)
        try:
            if quota.folder:
                quota.take_in(run.pid)
            rss = disturb(run, seconds, quota, rng, log)
        finally:
            if run.poll() is None:
                run.kill()
            run.wait()
    finally:
        if quota.folder:
            quota.remove()
    if run.returncode:
        miss("exit code %d" % run.returncode)
        return
    disturbed = result(out)
    rounds = disturbed["rounds"]
    say("%d rounds in %.1f s, %d checkpoints" % (rounds, disturbed["wall_s"], disturbed["checkpoints"]))
    check_memory(rss, seconds, crew)
    check_log(log, rounds)
    check_tasks(tasks, rounds)
    each = [w["tasks"] for w in disturbed["per_worker"]]
    if sum(each) != rounds * B or rounds < 10:
        miss("workers have done %s tasks in %d rounds" % (each, rounds))
    with open(out, "w") as f:
        subprocess.run(crew_train(crew, "--rounds", str(rounds)), stdout=f, check=True)
    calm = result(out)
    say("undisturbed: %d rounds in %.1f s; weights %s, disturbed %s" % (
        calm["rounds"], calm["wall_s"], calm["weights_digest"], disturbed["weights_digest"]))
    if calm["weights_digest"] != disturbed["weights_digest"] or calm["rounds"] != rounds:
        miss("other weights")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all is cleared away
    with tempfile.TemporaryDirectory(prefix="crew-soak-") as where:
        soak(sys.argv[1], float(sys.argv[2]), where)
    say("%d things are wrong" % len(wrong) if wrong else "all is as it should be")
    sys.exit(1 if wrong else 0)
