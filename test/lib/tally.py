"""Counting what holds, in the two shapes that test programs have.

    check('the answer', got == 42, got)  ...  sys.exit(result())      # goes on after a failure

    @case
    def mail_is_signed(): expect('signatures', found, wanted)         # a case ends with its first one
    sys.exit(run_cases(sys.argv[1:]))                                 # those whose names contain one of the words
"""
import sys, time, traceback
from concurrent.futures import ThreadPoolExecutor

passed = failed = 0
CASES = []


def check(what, good, got=''):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f'ok {what}' if good else f'FAIL {what}: {got}', flush=True)


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f'{what}: {got!r}, not {wanted!r}')


def case(f):
    CASES.append(f)
    return f


def run_case(f):
    started = time.monotonic()
    try:
        f()
        check(f'{f.__name__} ({time.monotonic() - started:.1f} s)', True)
    except Exception:
        check(f.__name__, False, traceback.format_exc())


def run_cases(words=(), at_once=1):
    """More than one at a time: for cases that share nothing and mostly wait."""
    chosen = [f for f in CASES if not words or any(word in f.__name__ for word in words)]
    if at_once == 1:
        for f in chosen:
            run_case(f)
    else:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(run_case, chosen))
    return result()


def result():
    """Says the numbers as test/run adds them up; the exit code."""
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0
