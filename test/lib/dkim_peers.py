"""Other DKIM implementations from Debian: keys for all of them, messages to sign, and asking them. Used by
suite_dkim.py and bench/auth.py."""
import base64, os, random, subprocess, tempfile
from judge import ROOT, Skip

MAIL_DKIM = r'''
use strict; use Mail::DKIM::Verifier; use Net::DNS;
my $keys = shift; my %zone;
open(my $f, '<', $keys) or die; while (<$f>) { chomp; my ($n, $r) = split / /, $_, 2; $zone{lc $n} = $r; }
{ no warnings 'redefine';
  *Mail::DKIM::DNS::query = sub { my ($n, $t) = @_; my $r = $zone{lc $n}; return unless defined $r;
    return Net::DNS::RR->new(owner => $n, type => 'TXT', txtdata => [unpack '(a250)*', $r]); }; }
for my $path (@ARGV) {
  my $d = Mail::DKIM::Verifier->new(AllowUnverifiedSigs => 1); open(my $m, '<:raw', $path) or die;
  while (my $n = read($m, my $bytes, 65536)) { $d->PRINT($bytes); } $d->CLOSE;
  my @r = map { my $s = $_->result || 'none'; $s } $d->signatures; print @r ? "@r" : 'none', "\n";
}
'''


def openssl(*args, stdin=None):
    return subprocess.run(['openssl', *args], input=stdin, check=True, capture_output=True).stdout


class Keys:
    """Two RSA keys and an ed25519 key of example.com: PEM for us, other forms for peers, the zone for all."""

    def __init__(self, directory, bits=2048):
        self.pem = {s: openssl('genrsa', '-traditional', str(bits)) for s in ('rsa', 'rsa2')}
        self.pem['ed'] = openssl('genpkey', '-algorithm', 'ed25519')
        self.ed_seed = base64.b64encode(openssl('pkey', '-outform', 'DER', stdin=self.pem['ed'])[-32:])
        self.records = {}
        for selector, pem in self.pem.items():
            public = openssl('pkey', '-pubout', '-outform', 'DER', stdin=pem)
            kind, public = ('ed25519', public[-32:]) if selector == 'ed' else ('rsa', public)
            self.records[f'{selector}._domainkey.example.com'] = f'v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}'
        self.zone = {name: [{'TXT': text}] for name, text in self.records.items()}
        self.file = os.path.join(directory, 'keys')
        with open(self.file, 'w', encoding='ascii') as f:
            f.writelines(f'{name} {text}\n' for name, text in self.records.items())
        self.rsa_file = os.path.join(directory, 'rsa.pem')
        with open(os.open(self.rsa_file, os.O_CREAT | os.O_WRONLY, 0o600), 'wb') as f:
            f.write(self.pem['rsa'])

    def pems(self, which=('rsa', 'ed')):
        return [{'selector': s, 'pem': self.pem[s].decode()} for s in which]

    def txt(self, name, timeout=5):
        """dnsfunc of python3-dkim."""
        return self.records.get(name.decode().rstrip('.').lower(), '').encode()


def nasty_message(seed):
    """A message that is allowed but not tidy: folding, blanks, cases, repeated and empty fields, odd bodies."""
    r = random.Random(seed)
    blank = lambda: r.choice([' ', '  ', '\t', ' \t ', '\r\n ', '\r\n\t', ' \r\n  '])
    word = lambda: r.choice(['a', 'Text', 'x=y', 'b;c', 'd:e', '=?utf-8?q?=C3=A9?=', 'é', '"q q"', '<i@d.example>', 'z' * r.randint(1, 90)])
    case = lambda name: r.choice([name, name.lower(), name.upper()])
    value = lambda: r.choice(['', ' ', blank()]) + blank().join(word() for _ in range(r.randint(1, 8))) + r.choice(['', '', ' ', '\t'])
    names = ['To', 'Cc', 'Subject', 'Date', 'Message-ID', 'Reply-To', 'Sender', 'References', 'MIME-Version', 'Content-Type',
             'List-Id', 'List-Unsubscribe', 'X-Other', 'Received', 'Comments']
    fields = [f'{case("From")}: Somebody <user{seed}@example.com>']
    for name in r.sample(names, r.randint(2, len(names))):
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            fields.append(case(name) + ':' + value())
    if r.random() < 0.2:
        fields.append('X-Empty:')
    r.shuffle(fields)
    line = lambda: r.choice(['', ' ', '\t ', 'text', 'two  words ', ' lead', 'tab\there\t', '.', '..', 'é ü', 'w' * r.randint(1, 400)])
    body = '\r\n'.join(line() for _ in range(r.choice([0, 1, 2, 5, 40, 700]))) + r.choice(['', '\r\n', '\r\n\r\n\r\n', ' \r\n\t\r\n'])
    if body and not body.endswith('\r\n'):
        body += '\r\n'  # as it comes from SMTP; without, implementations differ about blanks at the very end
    return ('\r\n'.join(fields) + '\r\n\r\n' + body).encode('utf-8')


def import_dkim():
    try:
        import dkim, nacl.signing
        return dkim
    except ImportError:
        raise Skip('python3-dkim and python3-nacl are not installed') from None


def compile_opendkim(directory):
    """bench/peers/opendkim_verify.c"""
    program = os.path.join(directory, 'opendkim_verify')
    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'opendkim'], capture_output=True, text=True)
    if flags.returncode:
        raise Skip('libopendkim-dev is not installed')
    subprocess.run(['gcc', '-O2', '-o', program, os.path.join(ROOT, 'bench/peers/opendkim_verify.c'), *flags.stdout.split()], check=True)
    return program


def have_mail_dkim():
    if subprocess.run(['perl', '-MMail::DKIM', '-e', '1'], capture_output=True).returncode:
        raise Skip('libmail-dkim-perl is not installed')


def ask_files(command, keys, messages):
    """One line of results a message, from a program that takes KEYS FILE ..."""
    with tempfile.TemporaryDirectory() as d:
        paths = []
        for i, m in enumerate(messages):
            paths.append(os.path.join(d, str(i)))
            with open(paths[-1], 'wb') as f:
                f.write(m)
        out = subprocess.run([*command, keys, *paths], check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(out) == len(messages), out[-3:]
    return [line.split() for line in out]
