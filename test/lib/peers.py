"""Other mail servers from Debian, run privately: each in an overlay over this machine's own root, so that
packages that exclude each other can be installed side by side and nothing on the machine changes. Needs root and
overlayfs; callers skip with a word otherwise.

The overlay's upper layer is kept in build/peers/NAME, so installing happens once.
"""
import atexit, os, shutil, signal, subprocess, time
from posthouse import ROOT, wait_until
import socket

PEERS = os.path.join(ROOT, 'build/peers')


class Unavailable(Exception):
    pass


def program(name):
    """A server's program: installed on this machine, or only unpacked by ./dev; None without."""
    places = [os.environ['PATH'], '/usr/sbin', f'{PEERS}/{name}/usr/sbin']
    return shutil.which(name, path=':'.join(places))


def run(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)


class Root:
    """A chroot in which Debian packages are installed."""

    def __init__(self, name, *packages):
        if os.geteuid():
            raise Unavailable('needs root')
        self.base = os.path.join(PEERS, name)
        self.path = os.path.join(self.base, 'root')
        for sub in ('upper', 'work', 'root'):
            os.makedirs(os.path.join(self.base, sub), exist_ok=True)
        try:
            run('mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir=/,upperdir={self.base}/upper,workdir={self.base}/work', self.path)
        except subprocess.CalledProcessError:
            raise Unavailable('needs overlayfs') from None
        atexit.register(self.close)
        for kind, where in (('proc', 'proc'), ('tmpfs', 'run'), ('tmpfs', 'tmp')):
            run('mount', '-t', kind, kind, f'{self.path}/{where}')
        run('mount', '--bind', '/dev', self.path + '/dev')
        self.install(packages)

    def install(self, packages):
        done = os.path.join(self.base, 'installed')
        if os.path.exists(done):
            return
        with open(self.path + '/usr/sbin/policy-rc.d', 'w') as f:
            f.write('#!/bin/sh\nexit 101\n')
        os.chmod(self.path + '/usr/sbin/policy-rc.d', 0o755)
        env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
        log = os.path.join(self.base, 'apt.log')
        with open(log, 'wb') as out:
            for command in (['apt-get', 'update'], ['apt-get', 'install', '-y', '--no-install-recommends', *packages]):
                if subprocess.run(['chroot', self.path, *command], env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL).returncode:
                    raise Unavailable(f'{" ".join(command)} failed, see {log}')
        open(done, 'w').close()

    def write(self, path, text, mode=0o644):
        full = self.path + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w') as f:
            f.write(text)
        os.chmod(full, mode)

    def run(self, *args):
        return subprocess.run(['chroot', self.path, *args], check=True, capture_output=True, text=True).stdout

    def start(self, *args):
        """In a process group of its own; returns the Popen."""
        return subprocess.Popen(['chroot', self.path, *args], stdin=subprocess.DEVNULL, stdout=open(self.base + '/out.log', 'ab'),
                                stderr=subprocess.STDOUT, start_new_session=True)

    def close(self):
        for where in ('dev', 'tmp', 'run', 'proc', ''):
            subprocess.run(['umount', '-l', f'{self.path}/{where}'], stderr=subprocess.DEVNULL)


def descendants(pid):
    """All processes below pid, pid included."""
    children = {}
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            children.setdefault(int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1]), []).append(int(p))
        except OSError:
            pass
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        todo += children.get(p, [])
    return found


class Server:
    """A peer under test: started, found by its port, stopped with all its processes."""

    def __init__(self, root, command, port, greeting=b'220'):
        self.root, self.port, self.greeting = root, port, greeting
        self.proc = root.start(*command)
        wait_until('the peer on port %d' % port, 30, self.greets)

    def greets(self):
        if self.proc.poll() is not None:
            raise Unavailable(f'{self.root.base} did not start, see out.log there')
        try:
            with socket.create_connection(('127.0.0.1', self.port), 1) as s:
                s.settimeout(2)
                return s.recv(len(self.greeting)) == self.greeting
        except OSError:
            return False

    def stop(self):
        pids = descendants(self.proc.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.5)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.proc.wait()


HOSTS = '127.0.0.1 localhost peer.test mx.post.test sink.test client.test bench.test\n'

POSTFIX = '''compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
myhostname = peer.test
mydomain = peer.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
biff = no
alias_maps =
alias_database =
local_recipient_maps =
smtpd_tls_cert_file = /etc/peer-cert.pem
smtpd_tls_key_file = /etc/peer-key.pem
smtpd_tls_security_level = may
smtp_host_lookup = native
smtp_dns_support_level = disabled
message_size_limit = 134217728
mailbox_size_limit = 0
default_process_limit = 300
maillog_file = /var/log/postfix.log
'''


def prepare(root, cert, key):
    root.write('/etc/hosts', HOSTS)
    root.write('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nprotocols: files\n')
    if os.path.islink(root.path + '/etc/resolv.conf'):
        os.unlink(root.path + '/etc/resolv.conf')
    root.write('/etc/mailname', 'peer.test\n')
    root.write('/etc/peer-cert.pem', open(cert).read())
    root.write('/etc/peer-key.pem', open(key).read(), 0o600)


def postfix(cert, key, port, extra, services='', files={}):
    """Postfix with `extra` main.cf lines, further `services` in master.cf and `files`; its queue starts empty."""
    root = Root('postfix', 'postfix')
    prepare(root, cert, key)
    for path, text in files.items():
        root.write(path, text, 0o600)
    root.write('/etc/postfix/main.cf', POSTFIX + extra)
    dist = root.path + '/etc/postfix/master.cf.dist'
    if not os.path.exists(dist):
        shutil.copy(root.path + '/etc/postfix/master.cf', dist)
    master = open(dist).read()
    master = master.replace('\nsmtp      inet  n       -       y       -       -       smtpd', f'\n127.0.0.1:{port} inet  n  -  y  -  -  smtpd')
    root.write('/etc/postfix/master.cf', master + services)
    shutil.rmtree(root.path + '/var/spool/postfix', ignore_errors=True)
    os.makedirs(root.path + '/var/spool/postfix/etc')
    for name in ('hosts', 'nsswitch.conf', 'services', 'protocols', 'localtime'):
        if os.path.exists(f'{root.path}/etc/{name}'):
            shutil.copy(f'{root.path}/etc/{name}', root.path + '/var/spool/postfix/etc/')
    subprocess.run(['chroot', root.path, 'postfix', 'check'], stderr=subprocess.DEVNULL)
    return Server(root, ['postfix', 'start-fg'], port)

EXIM = '''primary_hostname = peer.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
acl_smtp_rcpt = all
acl_smtp_data = all
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
chunking_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = /etc/peer-cert.pem
tls_privatekey = /etc/peer-exim-key.pem
log_file_path = /var/log/exim4/%slog
begin acl
all:
  accept
begin routers
in:
  driver = manualroute
  domains = in.test
  transport = to_posthouse
  route_list = * 127.0.0.1 byname
  self = send
out:
  driver = manualroute
  domains = out.test
  transport = to_sink
  route_list = * 127.0.0.1 byname
  self = send
begin transports
to_posthouse:
  driver = smtp
  port = {mx}
  allow_localhost
to_sink:
  driver = smtp
  port = {sink}
  allow_localhost
  hosts_avoid_tls = *
begin retry
* * F,1h,1m
'''


def exim(cert, key, port, mx, sink):
    root = Root('exim4', 'exim4-daemon-light')
    prepare(root, cert, key)
    root.write('/etc/exim4/exim4.conf', EXIM.replace('{port}', str(port)).replace('{mx}', str(mx)).replace('{sink}', str(sink)))
    root.write('/etc/peer-exim-key.pem', open(key).read())
    for name in ('input', 'msglog', 'db'):
        shutil.rmtree(f'{root.path}/var/spool/exim4/{name}', ignore_errors=True)
    root.run('sh', '-c', 'mkdir -p /var/log/exim4; chown -R Debian-exim /var/log/exim4 /var/spool/exim4')
    return Server(root, ['exim4', '-bdf', '-q5s'], port)


OPENSMTPD = '''pki peer.test cert "/etc/peer-cert.pem"
pki peer.test key "/etc/peer-key.pem"
smtp max-message-size 64M
listen on 127.0.0.1 port {port} tls pki peer.test hostname peer.test
action "in" relay host smtp+notls://127.0.0.1:{mx}
action "intls" relay host smtp+tls://127.0.0.1:{mx} tls no-verify
action "out" relay host smtp+notls://127.0.0.1:{sink}
match from any for domain "in.test" action "intls"
match from any for domain "out.test" action "out"
'''


def opensmtpd(cert, key, port, mx, sink):
    root = Root('opensmtpd', 'opensmtpd')
    prepare(root, cert, key)
    root.write('/etc/smtpd.conf', OPENSMTPD.replace('{port}', str(port)).replace('{mx}', str(mx)).replace('{sink}', str(sink)))
    for name in ('queue', 'incoming', 'temporary', 'corrupt', 'purge', 'offline'):
        path = f'{root.path}/var/spool/smtpd/{name}'
        if os.path.isdir(path):
            for child in os.listdir(path):
                shutil.rmtree(os.path.join(path, child), ignore_errors=True)
    return Server(root, ['/usr/sbin/smtpd', '-d'], port)


def postfix_interop(cert, key, port, mx, sink):
    return postfix(cert, key, port, f'relay_domains = in.test, out.test\nsmtp_tls_security_level = may\n'
                   f'transport_maps = inline:{{ {{in.test=relay:[127.0.0.1]:{mx}}}, {{out.test=relay:[127.0.0.1]:{sink}}} }}\n')


DOVECOT = '''base_dir = /run/dovecot
state_dir = /var/lib/dovecot
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = </etc/peer-cert.pem
ssl_key = </etc/peer-key.pem
disable_plaintext_auth = no
auth_username_format = %n
mail_location = {format}:/var/mail/bench/%n
mail_home = /var/mail/home/%n
log_path = /var/log/dovecot.log
mail_max_userip_connections = 20000
default_process_limit = 12000
default_client_limit = 30000
default_vsz_limit = 1G
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=5000 gid=5000
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
  process_limit = 2
}}
service imap {{
  process_limit = 12000
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
{extra}'''
DOVECOT_UID = 5000


def dovecot(cert, key, ports, password, mail_format='sdbox', extra='', name='dovecot', more=(), fresh=True):
    """Dovecot with empty mailboxes (or, not fresh, those of the last time) for any user; ports: imap, imaps, lmtp. Login processes serve many connections, the
    faster of its two ways."""
    root = Root(name, 'dovecot-imapd', 'dovecot-lmtpd', 'dovecot-pop3d', *more)
    prepare(root, cert, key)
    for sub in ('bench', 'home'):
        if fresh:
            shutil.rmtree(f'{root.path}/var/mail/{sub}', ignore_errors=True)
        elif os.path.isdir(f'{root.path}/var/mail/{sub}'):
            continue
        os.makedirs(f'{root.path}/var/mail/{sub}')
        os.chown(f'{root.path}/var/mail/{sub}', DOVECOT_UID, DOVECOT_UID)
    root.write('/etc/dovecot/bench.conf', DOVECOT.format(format=mail_format, password=password, port=ports[0], tls_port=ports[1], lmtp_port=ports[2],
                                                        extra=extra))
    return Server(root, ['dovecot', '-F', '-c', '/etc/dovecot/bench.conf'], ports[0], b'* OK')


CYRUS = '''configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
unixhierarchysep: 1
altnamespace: 1
admins: cyrus
allowplaintext: yes
servername: peer.test
virtdomains: off
sasl_mech_list: PLAIN
sasl_sasldb_path: /etc/sasldb2
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
autocreate_quota: 0
autocreate_quota_messages: -1
lmtp_downcase_rcpt: yes
tls_server_cert: /etc/peer-cert.pem
tls_server_key: /etc/cyrus-key.pem
idlesocket: /run/cyrus/socket/idle
lmtpsocket: /run/cyrus/socket/lmtp
notifysocket: /run/cyrus/socket/notify
maxlogins_per_user: 0
'''
CYRUS_SERVICES = '''START {{
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="imapd -U 30" listen="127.0.0.1:{port}" prefork=0 maxchild=6000
  imaps cmd="imapd -s -U 30" listen="127.0.0.1:{tls_port}" prefork=0 maxchild=6000
}}
DAEMON {{
  idled cmd="idled"
}}
EVENTS {{
}}
'''


def cyrus(cert, key, ports, password, users):
    """Cyrus with empty mailboxes of `users` (names without domain, in its password file); ports: imap, imaps."""
    root = Root('cyrus', 'cyrus-imapd', 'sasl2-bin', 'libsasl2-modules', 'libsasl2-modules-db')
    prepare(root, cert, key)
    root.write('/etc/imapd.conf', CYRUS)
    root.write('/etc/cyrus.conf', CYRUS_SERVICES.format(port=ports[0], tls_port=ports[1]))
    root.write('/etc/cyrus-key.pem', open(key).read(), 0o600)
    root.write('/etc/cyrus-users', '\n'.join(users) + '\n')
    root.run('sh', '-ec', f'''rm -rf /var/lib/cyrus/* /var/spool/cyrus/mail/* /etc/sasldb2
mkdir -p /run/cyrus/proc /run/cyrus/lock /run/cyrus/socket
chown -R cyrus:mail /etc/cyrus-key.pem /run/cyrus /var/lib/cyrus /var/spool/cyrus
su -s /bin/sh cyrus -c "/usr/lib/cyrus/bin/mkimap /etc/imapd.conf" >/dev/null 2>&1 || true
while read u; do echo "{password}" | saslpasswd2 -p -c -f /etc/sasldb2 -u peer.test $u; done < /etc/cyrus-users
chown cyrus /etc/sasldb2''')
    program = next(p for p in ('/usr/sbin/cyrmaster', '/usr/lib/cyrus/bin/master') if os.path.exists(root.path + p))
    return Server(root, [program], ports[0], b'* OK')
