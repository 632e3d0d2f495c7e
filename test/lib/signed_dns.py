"""A signed DNS of its own for tests: a root zone and zones below it, signed by ldns-signzone, served by nsd on loopback.

    dns = SignedDns(directory)
    dns.zone('test.', [...lines of a zone file without SOA...], signed=True)
    dns.start()         # dns.port, dns.anchor (a file for [dns] trust_anchor)

A zone is delegated from the longest zone above it, with a DS record when it is signed. `damage` names (owner, type) pairs whose
signatures are broken after signing. zone() again and reload() replace one. Needs nsd and ldnsutils; raises Unavailable.
"""
import os, shutil, subprocess
from peers import Unavailable, program
from posthouse import free_port, wait_until
import socket

SOA = '{origin} 5 IN SOA ns.test. hostmaster.test. {serial} 3600 600 86400 5\n{origin} 5 IN NS ns.test.\n'


class SignedDns:
    def __init__(self, directory):
        for tool in ('nsd', 'ldns-signzone', 'ldns-keygen'):
            if not program(tool):
                raise Unavailable(f'{tool} is not installed')
        self.dir, self.port, self.serial, self.proc = directory, free_port(), 1, None
        os.makedirs(directory, exist_ok=True)
        self.zones, self.keys, self.anchor = {}, {}, directory + '/anchor.key'
        self.zone('.', [], signed=True)

    def tool(self, *args):
        r = subprocess.run(args, cwd=self.dir, capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(f'{" ".join(args)}: {r.stdout}{r.stderr}')
        return r.stdout.strip()

    def key(self, origin):
        if origin not in self.keys:
            self.keys[origin] = self.tool('ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', origin)
        return self.keys[origin]

    def zone(self, origin, lines, signed, damage=()):
        self.zones[origin] = (lines, signed, damage)

    def parent(self, origin):
        above = [z for z in self.zones if z != origin and (z == '.' or origin.endswith('.' + z))]
        return max(above, key=len)

    def delegations(self, origin):
        for child, (_, signed, _) in self.zones.items():
            if child != '.' and self.parent(child) == origin:
                yield f'{child} 5 IN NS ns.test.'
                if signed:
                    yield self.tool('ldns-key2ds', '-n', '-2', f'{self.key(child)}.key').replace('\t', ' ')

    def file(self, origin):
        return f'{self.dir}/zone-{origin.strip(".") or "root"}'

    def write(self, origin):
        lines, signed, damage = self.zones[origin]
        text = SOA.format(origin=origin, serial=self.serial) + '\n'.join([*lines, *self.delegations(origin)]) + '\n'
        with open(self.file(origin), 'w') as f:
            f.write('$TTL 5\n' + text)
        if not signed:
            return
        self.tool('ldns-signzone', '-f', self.file(origin) + '.signed', '-o', origin, self.file(origin), self.key(origin))
        os.replace(self.file(origin) + '.signed', self.file(origin))
        if damage:
            self.damage(origin, damage)

    def damage(self, origin, pairs):
        out, broken = [], 0
        for line in open(self.file(origin)):
            words = line.split()
            if len(words) > 4 and words[3] == 'RRSIG' and (words[0], words[4]) in pairs:
                at = line.index(words[12]) + 10
                line = line[:at] + ('A' if line[at] != 'A' else 'B') + line[at + 1:]
                broken += 1
            out.append(line)
        if broken != len(pairs):
            raise RuntimeError(f'{broken} signatures of {pairs} in {origin}')
        with open(self.file(origin), 'w') as f:
            f.writelines(out)

    def write_all(self):
        self.serial += 1
        for origin in self.zones:
            self.write(origin)
        shutil.copy(f'{self.dir}/{self.key(".")}.key', self.anchor)
        zones = ''.join(f'zone:\n  name: "{z}"\n  zonefile: "{self.file(z)}"\n' for z in self.zones)
        with open(self.dir + '/nsd.conf', 'w') as f:
            f.write(f'server:\n  ip-address: 127.0.0.1@{self.port}\n  username: ""\n  chroot: ""\n  zonesdir: "{self.dir}"\n  database: ""\n'
                    f'  pidfile: ""\n  xfrdfile: ""\n  zonelistfile: "{self.dir}/zones.list"\n  xfrdir: "{self.dir}"\n'
                    f'  server-count: 1\n  verbosity: 1\nremote-control:\n  control-enable: no\n' + zones)

    def start(self):
        self.write_all()
        self.log = open(self.dir + '/nsd.log', 'ab')
        self.proc = subprocess.Popen([program('nsd'), '-d', '-c', self.dir + '/nsd.conf'], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        wait_until('nsd', 15, self.answers)

    def answers(self):
        """To a question for the root's SOA."""
        if self.proc.poll() is not None:
            raise RuntimeError('nsd ended: ' + open(self.dir + '/nsd.log').read())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.5)
            try:
                s.sendto(b'\x12\x34\0\0\0\1\0\0\0\0\0\0\0\0\6\0\1', ('127.0.0.1', self.port))
                return s.recv(512)[3] & 15 == 0
            except OSError:
                return False

    def reload(self):
        self.stop()
        self.start()

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait()
        self.proc = None
