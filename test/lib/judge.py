"""What suites of sender authentication share: the judges (test/judge/NAME.c), the data of other projects'
suites, and keeping the score.

    @suite('spf')
    def spf(score):
        judge = Judge('spf')
        data = conformance('spf')              # a folder with the unpacked data, or Skip
        score.check('case', got == want, f'{got}, not {want}')
        score.differs('case', 'why it may')    # a deviation that is explained: told, not a failure

Modules with suites stand in the list of test/senderauth.py.
"""
import json, os, subprocess, sys, tempfile

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
SHARED = os.path.normpath(os.path.join(ROOT, '..', 'shared'))
SUITES = {}  # name -> function
_unpacked = {}


class Skip(Exception):
    """What a suite needs is not here; the text says what."""


def suite(name):
    def add(function):
        SUITES[name] = function
        return function
    return add


def conformance(name):
    """The folder with the data of ../shared/conformance/NAME.tar.zst; lives until the program ends."""
    archive = os.path.join(SHARED, 'conformance', name + '.tar.zst')
    if not os.path.exists(archive):
        raise Skip(f'../shared/conformance/{name}.tar.zst is not here')
    if name not in _unpacked:
        _unpacked[name] = tempfile.TemporaryDirectory(prefix='suite-')
        subprocess.run(['tar', '-x', '-f', archive, '-C', _unpacked[name].name], check=True)
    return os.path.join(_unpacked[name].name, name)


class Judge:
    """One of the judges with sanitizers, asked with JSON objects line by line."""

    def __init__(self, name, *args):
        made = subprocess.run(['make', '--no-print-directory', 'V=asan', f'build/asan/judge/{name}'], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if made.returncode:
            sys.exit(made.stdout[-4000:])
        self.proc = subprocess.Popen([os.path.join(ROOT, 'build/asan/judge', name), *args], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True, encoding='utf-8')

    def ask(self, **request):
        self.proc.stdin.write(json.dumps(request) + '\n')
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        if not line:
            sys.exit(f'the judge ended with {self.proc.wait()} at {json.dumps(request)[:2000]}')
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proc.stdin.close()
        self.proc.wait()


class Score:
    def __init__(self, name):
        self.name, self.passed, self.failed, self.explained = name, 0, 0, 0

    def check(self, case, good, text=''):
        """True when good. The text says what came instead."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f'FAIL {self.name}: {case}: {text}', flush=True)
        return good

    def differs(self, case, why):
        self.explained += 1
        print(f'differs {self.name}: {case}: {why}', flush=True)

    def total(self):
        return self.passed + self.failed + self.explained


def run(names):
    """Runs the suites named, or all; prints the counts that test/run adds up. The exit code."""
    passed = failed = 0
    for name in names or SUITES:
        score = Score(name)
        try:
            SUITES[name](score)
        except Skip as why:
            print(f'{name}: skipped: {why}')
        told = f', {score.explained} differ and are explained' if score.explained else ''
        print(f'{name}: {score.passed}/{score.total()}{told}', flush=True)
        passed, failed = passed + score.passed, failed + score.failed
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0
