"""The rest of the world in ./dev run: a DNS, a backend mail system, and people at elsewhere.example who write letters.

All of it is on loopback and answers at once, so the demo needs no network and waits for none.
"""
import asyncio, base64, gzip, hashlib, os, re, struct, subprocess, sys, time, zlib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'test/lib'))
from zone import Zone, TYPES, wire_data

CAROL_IP, FORGER_IP, PHISHER_IP = '127.0.0.2', '127.0.0.3', '127.0.0.4'
ELSEWHERE = ['elsewhere.example MX 10 mx.elsewhere.example', f'mx.elsewhere.example A {CAROL_IP}', f'elsewhere.example TXT v=spf1 ip4:{CAROL_IP} -all',
             '_dmarc.elsewhere.example TXT v=DMARC1; p=reject; rua=mailto:dmarc@elsewhere.example']


def publish(zone, name, kind, value):
    zone.records.setdefault(name.lower().rstrip('.'), []).append((TYPES[kind], wire_data(kind, value.split())))


def world_dns(key):
    """The zone with elsewhere.example and its key; our own domain is published into it later."""
    public = subprocess.run(['openssl', 'rsa', '-in', key, '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout
    zone = Zone(ELSEWHERE)
    publish(zone, 'demo._domainkey.elsewhere.example', 'TXT', 'v=DKIM1; k=rsa; p=' + base64.b64encode(public).decode())
    return zone


class Backend(asyncio.Protocol):
    """A mail system that takes everything and keeps it in its directory."""
    directory, count = None, 0

    def connection_made(self, transport):
        self.transport, self.buf, self.data = transport, b'', None
        transport.write(b'220 backend.branch.example ESMTP\r\n')

    def data_received(self, chunk):
        self.buf += chunk
        while b'\r\n' in self.buf:
            line, _, self.buf = self.buf.partition(b'\r\n')
            if self.data is None:
                self.command(line)
            elif line == b'.':
                self.keep()
            else:
                self.data.append(line[1:] if line.startswith(b'.') else line)

    def command(self, line):
        verb = line[:4].upper()
        if verb == b'DATA':
            self.data = []
            self.transport.write(b'354 go on\r\n')
        elif verb == b'EHLO':
            self.transport.write(b'250-backend.branch.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n')
        elif verb == b'QUIT':
            self.transport.write(b'221 bye\r\n')
            self.transport.close()
        else:
            self.transport.write(b'250 ok\r\n')

    def keep(self):
        Backend.count += 1
        name = f'{self.directory}/{int(time.time())}-{Backend.count}.eml'
        with open(name, 'wb') as f:
            f.write(b'\r\n'.join(self.data) + b'\r\n')
        self.data = None
        self.transport.write(b'250 kept\r\n')


def picture(size=96):
    """A small PNG: the roof of a post house before an evening sky."""
    rows = []
    for y in range(size):
        row = bytearray(b'\0')
        for x in range(size):
            roof = abs(x - size // 2) < (y - size // 3) * 0.9 and size // 3 < y < size * 2 // 3
            wall = size * 2 // 3 <= y < size * 9 // 10 and abs(x - size // 2) < size // 4
            row += bytes((150, 40, 40) if roof else (235, 215, 180) if wall else (60 + y, 90 + y, 190 - y // 2))
        rows.append(bytes(row))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', size, size, 8, 2, 0, 0, 0)) + \
        chunk(b'IDAT', zlib.compress(b''.join(rows))) + chunk(b'IEND', b'')


def letter(sender, to, subject, text, attachment=None, kind='image/png', name='驿站.png'):
    m = EmailMessage()
    m['From'], m['To'], m['Subject'], m['Date'] = sender, to, subject, formatdate(localtime=True)
    m['Message-ID'] = make_msgid(domain=sender.rpartition('@')[2].strip('>'))
    m.set_content(text)
    if attachment:
        m.add_attachment(attachment, *kind.split('/'), filename=name)
    return m.as_bytes(policy=SMTP)


def signed(data, key):
    """With a DKIM signature of elsewhere.example (RFC 6376, canonicalisation simple)."""
    head, _, body = data.partition(b'\r\n\r\n')
    fields = re.findall(rb'(?im)^(?:From|To|Subject|Date|Message-ID):.*(?:\r\n[ \t].*)*\r\n', head + b'\r\n')
    names = ':'.join(f.split(b':')[0].decode() for f in fields)
    digest = base64.b64encode(hashlib.sha256(body.rstrip(b'\r\n') + b'\r\n').digest()).decode()
    line = f'DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=elsewhere.example; s=demo;\r\n h={names};\r\n bh={digest};\r\n b='.encode()
    value = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key], input=b''.join(fields) + line, check=True, capture_output=True).stdout
    return line + base64.b64encode(value) + b'\r\n' + data


def report_about(domain):
    """A DMARC report, as large providers send them every day."""
    day = int(time.time()) // 86400 * 86400
    row = '<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>%s</spf>' \
          f'</policy_evaluated></row><identifiers><header_from>{domain}</header_from></identifiers></record>'
    xml = '<?xml version="1.0"?><feedback><report_metadata><org_name>elsewhere.example</org_name><email>dmarc@elsewhere.example</email>' \
          f'<report_id>{day}</report_id><date_range><begin>{day - 86400}</begin><end>{day}</end></date_range></report_metadata>' \
          f'<policy_published><domain>{domain}</domain><p>none</p></policy_published>' + row % ('127.0.0.1', 41, 'pass', 'pass') + \
          row % ('198.51.100.7', 3, 'fail', 'fail') + '</feedback>'
    return letter('dmarc@elsewhere.example', f'posthouse-reports@{domain}', f'Report domain: {domain}', 'A DMARC report.\n',
                  gzip.compress(xml.encode()), 'application/gzip', 'report.xml.gz')


def letters(key):
    """(address of the client, envelope sender, recipient, message)"""
    carol, zhang, reporter = 'carol@elsewhere.example', 'zhangwei@elsewhere.example', 'dmarc@elsewhere.example'
    true = [
        (carol, 'alice@post.example', letter(f'Carol <{carol}>', 'alice@post.example', 'Welcome to the post house',
            'Dear Alice,\n\nthis letter came in by SMTP, its signature was verified, it was kept with one group commit, and delivered to your '
            'mailbox.\n\nCarol\n')),
        (zhang, 'bob@post.example', letter(f'张伟 <{zhang}>', 'bob@post.example', '驿站来信：附图一张',
            '李先生：\n\n您好！这是一封中文信，附有一张图片。古时的驿站为路上的每一封信换马，今天的驿站替每一封信守夜。\n\n张伟\n', picture())),
        (carol, 'info@post.example', letter(f'Carol <{carol}>', 'info@post.example', 'To an alias', 'This reached Alice through info@post.example.\n')),
        (carol, 'manager@branch.example', letter(f'Carol <{carol}>', 'manager@branch.example', 'To the branch office',
            'This went on to the backend mail system of branch.example.\n')),
        (reporter, 'posthouse-reports@post.example', report_about('post.example')),
    ]
    forged = letter(f'Carol <{carol}>', 'alice@post.example', 'Please pay this today',
                    'Dear Alice,\n\nthis is not from Carol: it has no signature of hers, and her domain asks to refuse such mail.\n')
    admin = 'service@mail-notice.example'
    phish = letter(f'邮箱管理员 <{admin}>', 'alice@post.example', '您的邮箱即将停用，请立即验证',
                   '尊敬的用户：\n\n系统检测到您的邮箱存在异地登录。请在24小时内打开 http://192.0.2.7/login 验证账户和密码，逾期将停止服务。\n\n信息中心\n')
    return [(CAROL_IP, sender, to, signed(data, key)) for sender, to, data in true] + [
        (PHISHER_IP, admin, 'alice@post.example', phish), (FORGER_IP, carol, 'alice@post.example', forged)]
