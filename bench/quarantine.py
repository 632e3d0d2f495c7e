#!/usr/bin/env python3
"""A large quarantine: how fast mail is held, found, released and expires, what a message takes on disk, and how long a small
commit of the queue waits meanwhile.

    ./dev bench quarantine [--messages 1000000] [--expire 100000] [--keep DIR]

Rows only (no message bytes): many senders and recipients, thirty days, ten to fifteen signals each of 200.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, 'build/release/posthouse')
JUDGE = os.path.join(ROOT, 'build/release/judge/quarantine')


def judge(*words):
    return json.loads(subprocess.run([JUDGE, *map(str, words)], check=True, capture_output=True, text=True).stdout)


def main():
    args = argparse.ArgumentParser()
    args.add_argument('--messages', type=int, default=1000000)
    args.add_argument('--expire', type=int, default=100000)
    args.add_argument('--keep', help='use this directory, and leave it')
    a = args.parse_args()
    subprocess.run(['make', '-s', '-C', ROOT, 'all', 'build/release/judge/quarantine'], check=True, stdout=subprocess.DEVNULL)
    directory = a.keep or tempfile.mkdtemp(prefix='posthouse-bench-')
    conf, data = directory + '/c.conf', directory + '/data'
    try:
        os.makedirs(directory, exist_ok=True)
        if not os.path.exists(data):
            with open(conf, 'w') as f:
                f.write(f'[server]\ndata = {data}\nrun = {directory}/run\nuser = root\nhostname = mx.example.com\n')
            subprocess.run([PROGRAM, '--config', conf, 'store', 'stat'], check=True, stdout=subprocess.DEVNULL)
            r = judge('fill', data, a.messages)
            size = sum(os.path.getsize(f'{data}/db/{n}') for n in os.listdir(data + '/db') if n.startswith('queue.sqlite'))
            print(f'held       {r["held"]:,} in {r["seconds"]} s: {r["per_second"]:,}/s; {size / a.messages:.0f} bytes a message on disk')
        for q in judge('ask', data):
            print(f'asked      {q["query"]:<28} first page {q["first_ms"]:6.1f} ms, worst of {q["pages"] + 1:2} pages {q["worst_page_ms"]:6.1f} ms, '
                  f'count {q["count_ms"]:6.1f} ms')
        print('commits    beside nothing:  ', judge('commits', data, 10))
        print('released  ', judge('release', data, 14000))
        judge('due', data, a.expire)
        expiry = subprocess.Popen([JUDGE, 'expire', data], stdout=subprocess.PIPE, text=True)
        print('commits    beside expiry:   ', judge('commits', data, 20))
        print('expired   ', json.loads(expiry.communicate()[0]))
    finally:
        if not a.keep:
            shutil.rmtree(directory, ignore_errors=True)


main()
