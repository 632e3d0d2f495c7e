"""A private OpenLDAP server (Debian's slapd, unpacked: see UNPACK in ./dev) on a loopback port, with TLS and entries given as LDIF."""
import glob, os, shutil, signal, subprocess, tempfile, time
import peers
from posthouse import free_port, wait_until

BASE, ADMIN, SECRET = 'dc=example,dc=test', 'cn=admin,dc=example,dc=test', 'admin secret'


def available():
    return peers.program('slapd') is not None


class Slapd:
    def __init__(self, cert, key, ldif):
        self.dir = tempfile.mkdtemp(prefix='posthouse-slapd-')
        self.port, self.tls_port = free_port(), free_port()
        program = peers.program('slapd')
        root = program[:-len('/usr/sbin/slapd')] if program.startswith(peers.PEERS) else ''
        self.environment = dict(os.environ, LD_LIBRARY_PATH=':'.join({os.path.dirname(p) for p in glob.glob(f'{root}/usr/lib/**/lib*.so*', recursive=True)}))
        os.mkdir(self.dir + '/data')
        with open(self.dir + '/slapd.conf', 'w') as f:
            for schema in ('core', 'cosine', 'inetorgperson'):
                f.write(f'include {root}/etc/ldap/schema/{schema}.schema\n')
            # As Active Directory has them: what Debian ships of its schema cannot be searched.
            f.write("attributetype (1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE)\n"
                    "attributetype (1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE)\n")
            f.write(f'modulepath {root}/usr/lib/ldap\nmoduleload back_mdb\npidfile {self.dir}/pid\n'
                    f'TLSCertificateFile {cert}\nTLSCertificateKeyFile {key}\nTLSCACertificateFile {cert}\nsizelimit unlimited\n'
                    f'database mdb\nsuffix "{BASE}"\nrootdn "{ADMIN}"\nrootpw {SECRET!r}\n'.replace("'", '"')
                    + f'directory {self.dir}/data\nmaxsize 1073741824\nindex objectClass,mail,userPrincipalName,entryUUID eq\n'
                    'access to attrs=userPassword by anonymous auth by * none\naccess to * by dn.exact="' + ADMIN + '" write by * none\n')
        with open(self.dir + '/all.ldif', 'w', encoding='utf-8') as f:
            f.write(f'dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n{ldif}')
        r = subprocess.run([program, "-Ta", "-f", self.dir + "/slapd.conf", "-l", self.dir + "/all.ldif"], env=self.environment,
                           capture_output=True, text=True)
        if r.returncode:
            raise RuntimeError(r.stderr)
        self.program, self.process = program, None
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program, '-d', '0', '-f', self.dir + '/slapd.conf', '-h',
                                         f'ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}'], env=self.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until('slapd', 10, lambda: self.search('(objectClass=organization)').returncode == 0)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def tool(self, name, *args, stdin=None):
        return subprocess.run([name, '-x', '-H', f'ldap://127.0.0.1:{self.port}', '-D', ADMIN, '-w', SECRET, *args], input=stdin, text=True,
                              capture_output=True, timeout=20)

    def search(self, filter):
        return self.tool('ldapsearch', '-LLL', '-b', BASE, filter)

    def change(self, ldif):
        r = self.tool('ldapmodify', stdin=ldif)
        if r.returncode:
            raise RuntimeError(r.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def person(uid, name, password, extra='', mail=None):
    return (f'dn: cn={name},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\ncn: {name}\nsn: {name.split()[-1]}\n'
            f'uid: {uid}\nmail: {mail or uid + "@local.test"}\nuserPassword: {password}\n{extra}\n')


def group(name, mail, *members):
    return f'dn: cn={name},{BASE}\nobjectClass: groupOfNames\nobjectClass: extensibleObject\ncn: {name}\nmail: {mail}\n' + \
        ''.join(f'member: {m}\n' for m in members) + '\n'
