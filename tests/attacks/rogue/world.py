"""Real servers and real agents, in a folder and on addresses of their own; nothing else is ever ended than what was started here."""
import os
import signal
import socket
import subprocess
import sys
import time

from .agent import Agent
from .wire import PORT

PROGRAMS = os.environ.get("FARKEEP_BIN", "")


class World:
    """`net`: this script's own 127.NET.0.0/16."""

    def __init__(self, net, pair=False):
        if not PROGRAMS:
            sys.exit("FARKEEP_BIN names the folder of the programs")
        self.work = "%s/farkeep-attack.%d.%d" % (os.environ.get("TMPDIR", "/tmp"), net, os.getpid())
        self.address = {"east": "127.%d.0.2" % net, "west": "127.%d.0.3" % net}
        self.names = ["east", "west"] if pair else ["east"]
        self.processes, self.failures = {}, []

    def __enter__(self):
        os.mkdir(self.work, 0o700)
        try:
            self.server("init", "east", "--name", "east", "--address", self.address["east"])
            self.up("east")
            if len(self.names) > 1:
                with open(self.work + "/invitation", "w") as f:
                    f.write(self.server("invite", "east"))
                self.server("init", "west", "--name", "west", "--address", self.address["west"], "--invite", self.work + "/invitation")
                self.up("west")
            self.server("account add test", "east")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, _):
        died = [name for name, p in self.processes.items() if p.poll() is not None]
        for name in died:
            self.failures.append("the server %s ended by itself (%s)" % (name, self.processes[name].returncode))
        for name in list(self.processes):
            self.down(name)
        if kind or self.failures:
            for name in self.names:
                print("--- the server %s said last:\n%s" % (name, self.log(name)[-3000:]), file=sys.stderr)
        subprocess.run(["rm", "-rf", self.work], check=False)

    # ---- servers

    def data(self, name):
        return self.work + "/" + name

    def log(self, name):
        try:
            with open(self.work + "/" + name + ".log", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def server(self, verb, name, *more, expect=0):
        """What `farkeep-server VERB` says."""
        r = subprocess.run([PROGRAMS + "/farkeep-server", *verb.split(), "--data", self.data(name), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if r.returncode != expect:
            raise RuntimeError("farkeep-server %s: exit %d, not %d: %s" % (verb, r.returncode, expect, r.stderr))
        return r.stdout

    def up(self, name, *more):
        with open(self.work + "/" + name + ".log", "ab") as log:
            p = subprocess.Popen([PROGRAMS + "/farkeep-server", "run", "--data", self.data(name), *more], stdout=log, stderr=log)
        self.processes[name] = p
        for _ in range(600):
            if p.poll() is not None:
                raise RuntimeError("the server %s ended: %s" % (name, self.log(name)[-500:]))
            try:
                socket.create_connection((self.address[name], PORT), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server %s does not listen" % name)

    def down(self, name, how=signal.SIGTERM):
        p = self.processes.pop(name, None)
        if not p:
            return
        if p.poll() is None:
            p.send_signal(how)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()

    def is_alive(self, name="east"):
        return self.processes[name].poll() is None

    def descriptors(self, name="east"):
        return len(os.listdir("/proc/%d/fd" % self.processes[name].pid))

    def memory(self, name="east"):
        """MiB that the server has in memory."""
        with open("/proc/%d/status" % self.processes[name].pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024

    def token(self, *more):
        return self.server("token create", "east", *(more or ("--account", "test"))).strip()

    # ---- agents

    def rogue(self, name="rogue", **how):
        return Agent.register(self.address["east"], self.work + "/" + name, token=self.token(), name=name, **how)

    def agent(self, name="honest", files=20, size=20000):
        """A registered agent of the real kind with a source of so many files: the source's path."""
        source = self.work + "/" + name + ".src"
        os.mkdir(source)
        for i in range(files):
            with open("%s/%d" % (source, i), "wb") as f:
                f.write(os.urandom(size))
        with open(self.work + "/" + name + ".token", "w") as f:
            f.write(self.token())
        with open(self.work + "/" + name + ".ini", "w") as f:
            f.write("[agent]\nstate = %s.state\nname = %s\n\n[registration]\n%sca_file = %s/ca.pem\ntoken_file = %s.token\n\n[job main]\npath = %s\n" % (
                self.work + "/" + name, name, "".join("server = %s\n" % self.address[n] for n in self.names), self.data("east"), self.work + "/" + name, source))
        self.farkeep(name, "register")
        return source

    def state(self, name="honest"):
        return self.work + "/" + name + ".state"

    def farkeep(self, name, *arguments, expect=0, timeout=120, later=None):
        """`later`: as if it were so many days later, by libfaketime."""
        env = dict(os.environ)
        if later:
            env.update(FAKETIME="+%dd" % later, FAKETIME_DONT_FAKE_MONOTONIC="1", LD_PRELOAD="/usr/$LIB/faketime/libfaketimeMT.so.1",
                       ASAN_OPTIONS=env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        r = subprocess.run([PROGRAMS + "/farkeep", "--config", self.work + "/" + name + ".ini", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, env=env)
        if expect is not None and r.returncode != expect:
            raise RuntimeError("farkeep %s: exit %d, not %d: %s%s" % (" ".join(arguments), r.returncode, expect, r.stdout, r.stderr))
        return r

    def restores(self, name, source, snapshot="latest"):
        """Whether the snapshot restores to just what is at the source."""
        target = self.work + "/restored"
        subprocess.run(["rm", "-rf", target], check=True)
        r = self.farkeep(name, "restore", snapshot, "--target", target, expect=None)
        return r.returncode == 0 and subprocess.run(["diff", "-r", source, target + source], stdout=subprocess.DEVNULL).returncode == 0

    # ---- verdicts

    @staticmethod
    def eventually(holds, seconds=60):
        """Whether it comes to hold."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if holds():
                return True
            time.sleep(0.2)
        return False

    def must(self, holds, what):
        print(("held:   " if holds else "BROKEN: ") + what, flush=True)
        if not holds:
            self.failures.append(what)


def run(net, attack, pair=False):
    """Ends the program: 0 when all that attack(world) says must hold does."""
    with World(net, pair) as world:
        attack(world)
    for failure in world.failures:
        print("FAILED: " + failure, file=sys.stderr)
    sys.exit(1 if world.failures else 0)
