#!/usr/bin/env -S python3 -B
"""The comparison's own tests: the data is what it always was, changes change it, costs are measured, the report divides right.

Ends with 77 (skipped) where Python lacks modules of its standard library (Debian's python3-minimal).
"""
import os, subprocess, sys, tempfile, unittest

try:
    import json
    import dataset, measure, report
except ImportError as e:
    print("skipped: %s" % e)
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))


def create(folder: str, *words: str) -> None:
    subprocess.run([sys.executable, "-B", HERE + "/dataset.py", *words, folder], check=True, stdout=subprocess.DEVNULL)


class Dataset(unittest.TestCase):
    def test_the_same_seed_makes_the_same_bytes_as_ever(self):
        with tempfile.TemporaryDirectory() as d:
            create(d, "create", "--scale", "0.0005", "--jobs", "2")
            self.assertEqual(dataset.digests(d + "/small")[0], "42e06a23a14ca0e9229af33be349d30a242425421363d2090051496113df245d")
            self.assertEqual(dataset.digests(d + "/large")[0], "02028e0dbf12d0b2f72db407773aafcb907591c1d6ba9d0a312fe5e6d0739d31")
            create(d, "mutate", "--turn", "1")
            self.assertEqual(dataset.digests(d + "/small")[0], "2082e53b95998b09ff5c1f24936f549d8fc59d4ab53405cc26e35be07dc1f18d")
            self.assertEqual(dataset.digests(d + "/large")[0], "5eedcde506e5e3816865dda1d159ac50dd8449916190ecdf8e7310344c1ebe7f")

    def test_the_digests_tell_content_from_metadata(self):
        with tempfile.TemporaryDirectory() as d:
            path = d + "/f"
            with open(path, "w") as f:
                f.write("a")
            os.utime(path, (1, 1))
            first = dataset.digests(d)
            os.utime(path, (2, 2))
            touched = dataset.digests(d)
            with open(path, "w") as f:
                f.write("b")
            os.utime(path, (2, 2))
            written = dataset.digests(d)
            self.assertEqual(first[0], touched[0])
            self.assertNotEqual(first[1], touched[1])
            self.assertNotEqual(touched[0], written[0])
            self.assertEqual(touched[1], written[1])


class Measure(unittest.TestCase):
    def test_a_child_s_code_cpu_and_memory_are_its_own(self):
        program = "b = bytearray(64 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1\nraise SystemExit(3)"
        cost = measure.run([sys.executable, "-c", program], dict(os.environ), subprocess.DEVNULL, None)
        self.assertEqual(cost.code, 3)
        self.assertGreater(cost.rss, 64 << 20)
        self.assertGreater(cost.cpu, 0)
        self.assertEqual((cost.server_cpu, cost.server_rss), (0.0, 0))

    def test_a_server_s_memory_is_not_the_client_s(self):
        with subprocess.Popen([sys.executable, "-c", "b = b'x' * (96 << 20)\nprint(flush=True)\ninput()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            cost = measure.run(["true"], dict(os.environ), subprocess.DEVNULL, server.pid)
            server.communicate(b"\n")
        self.assertGreater(cost.server_rss, 96 << 20)
        self.assertLess(cost.rss, 96 << 20)

    def test_a_server_s_children_count_when_they_are_gone(self):
        burn = "import time\nwhile time.process_time() < 0.2: pass"
        with subprocess.Popen(["sh", "-c", '"$0" -c "$1"; echo; read x', sys.executable, burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            server.stdout.readline()
            self.assertEqual(measure.family(server.pid), [server.pid])
            self.assertGreaterEqual(measure.cpu_of(server.pid), 0.15)
            server.communicate(b"\n")


class Report(unittest.TestCase):
    @staticmethod
    def row(tool, wall, foreign=0.0, code=0, **more):
        return dict(set="small", rep=1, tool=tool, step="full", code=code, wall=wall, cpu=wall, server_cpu=1.0, rss=100 << 20, server_rss=50 << 20,
                    src=10**9, repo=1, added=10**8, foreign=foreign) | more

    def test_ratios_are_against_the_faster_of_the_yardstick(self):
        rows = [self.row("restic", 10.0), self.row("borg", 8.0), self.row("farkeep", 4.0), self.row("other", 1.0)]
        lines = report.summarise(rows)["small", "full"]
        self.assertEqual(report.ratios(lines[2], lines, {"restic", "borg"})[:2], [0.5, 5 / 9])
        self.assertEqual(report.ratios(lines[2], lines[2:], {"restic", "borg"})[0], None)

    def test_busy_repetitions_and_failed_ones_do_not_count(self):
        rows = [self.row("a", 3.0), self.row("a", 5.0), self.row("a", 100.0, foreign=0.5), self.row("a", 0.1, code=1)]
        (line,) = report.summarise(rows)["small", "full"]
        self.assertEqual((line.count, line.quiet, line.figures[0]), (3, True, 4.0))

    def test_without_a_quiet_repetition_all_of_them_count_and_it_is_said(self):
        (line,) = report.summarise([self.row("a", 3.0, foreign=0.2), self.row("a", 5.0, foreign=0.3)])["small", "full"]
        self.assertEqual((line.quiet, line.figures[0]), (False, 4.0))

    def test_a_wrong_restore_or_a_failed_step_is_the_exit_code(self):
        for bad in (self.row("a", 1.0, code=2), dict(set="small", rep=1, tool="a", step="restored-tree", verdict="CONTENT DIFFERS"), None):
            with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
                f.write("".join(json.dumps(r) + "\n" for r in (self.row("a", 1.0), bad) if r))
                f.flush()
                p = subprocess.run([sys.executable, "-B", HERE + "/report.py", f.name], stdout=subprocess.PIPE, text=True)
            self.assertEqual(p.returncode, 1 if bad else 0)
            self.assertIn("| a | 1 |", p.stdout)


if __name__ == "__main__":
    unittest.main()
