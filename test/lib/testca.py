"""Certificates for tests, by the openssl command: an authority and what it signs."""
import datetime, hashlib, os, subprocess


def openssl(*args, stdin=b''):
    return subprocess.run(['openssl', *args], input=stdin, check=True, capture_output=True).stdout


class Certificate:
    def __init__(self, cert, key):
        self.cert, self.key = cert, key

    def tlsa(self, usage, selector, matching):
        """The record's data as in a zone: "3 1 1 ab..."."""
        if selector:
            data = openssl('pkey', '-pubin', '-outform', 'DER', stdin=openssl('x509', '-in', self.cert, '-noout', '-pubkey'))
        else:
            data = openssl('x509', '-in', self.cert, '-outform', 'DER')
        text = data.hex() if not matching else hashlib.new('sha256' if matching == 1 else 'sha512', data).hexdigest()
        return f'{usage} {selector} {matching} {text}'


class Authority(Certificate):
    """Its certificates carry it behind themselves, so that a server sends the chain."""

    def __init__(self, directory):
        self.dir = directory
        os.makedirs(directory, exist_ok=True)
        super().__init__(directory + '/ca.pem', directory + '/ca.key')
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-subj', '/CN=Test authority',
                '-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', self.key, '-out', self.cert)
        open(directory + '/index', 'w').close()

    def new(self, name, names, expired=False, signed=True):
        cert, key, request = (f'{self.dir}/{name}.{end}' for end in ('pem', 'key', 'csr'))
        alt = 'subjectAltName=' + ','.join('DNS:' + n for n in names)
        made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=' + names[0], '-addext', alt, '-keyout', key]
        if not signed:
            openssl('req', '-x509', '-days', '30', *made, '-addext', 'basicConstraints=CA:FALSE', '-out', cert)
            return Certificate(cert, key)
        openssl('req', *made, '-out', request)
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = (now + datetime.timedelta(days=d) for d in ((-10, -1) if expired else (-1, 30)))
        with open(self.dir + '/ca.conf', 'w') as f:
            f.write(f'[ca]\ndefault_ca = it\n[it]\ndatabase = {self.dir}/index\nrand_serial = yes\ndefault_md = sha256\npolicy = any\n'
                    f'copy_extensions = copy\nunique_subject = no\nnew_certs_dir = {self.dir}\n[any]\ncommonName = supplied\n')
        openssl('ca', '-batch', '-notext', '-config', self.dir + '/ca.conf', '-cert', self.cert, '-keyfile', self.key, '-in', request, '-out', cert,
                '-startdate', begin.strftime('%Y%m%d%H%M%SZ'), '-enddate', end.strftime('%Y%m%d%H%M%SZ'))
        with open(cert, 'a') as f:
            f.write(open(self.cert).read())
        return Certificate(cert, key)
