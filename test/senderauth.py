#!/usr/bin/env python3
"""Sender authentication against independent suites and implementations.

    test/senderauth.py [SUITE ...]     all of them, or those named

Suites are functions in the modules named below (test/lib/suite_*.py); see test/lib/judge.py.
"""
import importlib, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))
import judge

MODULES = ['suite_spf', 'suite_arc', 'suite_dkim', 'suite_dmarc']

for module in MODULES:
    importlib.import_module(module)
unknown = [name for name in sys.argv[1:] if name not in judge.SUITES]
if unknown:
    sys.exit(f'no suite {unknown[0]}; there are {" ".join(judge.SUITES)}')
sys.exit(judge.run(sys.argv[1:]))
