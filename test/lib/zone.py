"""A small authoritative DNS server for tests: records given as text lines, answered over UDP and TCP.

    Zone(['example.net MX 10 mx.example.net', 'mx.example.net A 127.0.0.1', 'slow.test DROP', 'bad.test SERVFAIL'])

Names not listed do not exist. DROP answers nothing (a dead server); SERVFAIL, that. zone.mood = 'DROP' or 'SERVFAIL' does so
for every name until it is None again.
"""
import ipaddress, socket, socketserver, struct, threading

TYPES = {'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'TLSA': 52}


def wire_name(name):
    out = b''
    for label in name.rstrip('.').split('.'):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b'\0'


def wire_data(kind, words):
    if kind == 'A':
        return ipaddress.IPv4Address(words[0]).packed
    if kind == 'AAAA':
        return ipaddress.IPv6Address(words[0]).packed
    if kind == 'MX':
        return struct.pack('!H', int(words[0])) + wire_name(words[1])
    if kind == 'TXT':
        text = ' '.join(words).encode()
        return b''.join(bytes([len(text[i:i + 255])]) + text[i:i + 255] for i in range(0, max(1, len(text)), 255))
    if kind == 'SRV':
        return struct.pack('!3H', *map(int, words[:3])) + wire_name(words[3])
    if kind == 'TLSA':
        return bytes(map(int, words[:3])) + bytes.fromhex(words[3])
    return wire_name(words[0])


def read_name(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode('latin-1'))
        at += 1 + packet[at]
    return '.'.join(labels).lower(), at + 1


class Zone:
    def __init__(self, lines, ttl=60):
        self.ttl = ttl
        self.records, self.special, self.mood = {}, {}, None
        for line in lines:
            name, kind, *words = line.split()
            name = name.lower().rstrip('.')
            if kind in ('DROP', 'SERVFAIL'):
                self.special[name] = kind
            else:
                self.records.setdefault(name, []).append((TYPES[kind], wire_data(kind, words)))
        self.bind()
        threading.Thread(target=self.serve_udp, daemon=True).start()
        threading.Thread(target=self.tcp.serve_forever, daemon=True).start()

    def bind(self):
        """One port for both; the kernel chooses, and may have given it to somebody else's TCP."""
        while True:
            self.tcp = socketserver.ThreadingTCPServer(('127.0.0.1', 0), self.handler())
            self.tcp.daemon_threads = True
            self.port = self.tcp.server_address[1]
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.udp.bind(('127.0.0.1', self.port))
                return
            except OSError:
                self.udp.close()
                self.tcp.server_close()

    def handler(zone):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = self.rfile.read(2)
                while len(head) == 2:
                    answer = zone.answer(self.rfile.read(struct.unpack('!H', head)[0]))
                    if answer:
                        self.wfile.write(struct.pack('!H', len(answer)) + answer)
                    head = self.rfile.read(2)
        return Handler

    def serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            answer = self.answer(packet)
            if answer:
                self.udp.sendto(answer, peer)

    def answer(self, packet):
        ident, flags = struct.unpack('!HH', packet[:4])
        name, end = read_name(packet, 12)
        qtype = struct.unpack('!H', packet[end:end + 2])[0]
        question = packet[12:end + 4]
        special = self.mood or self.special.get(name)
        if special == 'DROP':
            return None
        answers, rcode, owner = [], 0, name
        if special:
            rcode = 2
        for _ in range(9):
            rows = self.records.get(owner, [])
            answers += [(owner, t, d) for t, d in rows if t == qtype]
            alias = [d for t, d in rows if t == 5 and qtype != 5]
            if not alias:
                break
            answers.append((owner, 5, alias[0]))
            owner = read_name(alias[0], 0)[0]
        known = name in self.records or any(n.endswith('.' + name) for n in self.records) or not name
        if not known and not rcode:
            rcode = 3
        body = b''.join(wire_name(n) + struct.pack('!HHIH', t, 1, self.ttl, len(d)) + d for n, t, d in answers)
        authority = b'' if answers else b'\0' + struct.pack('!HHIH', 6, 1, self.ttl, 22) + b'\0\0' + struct.pack('!5I', 1, 60, 60, 60, self.ttl)
        head = struct.pack('!6H', ident, 0x8480 | flags & 0x0100 | rcode, 1, len(answers), 0 if answers else 1, 0)
        return head + question + body + authority

    def stop(self):
        self.udp.close()
        self.tcp.shutdown()
        self.tcp.server_close()
