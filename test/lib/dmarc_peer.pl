#!/usr/bin/perl
# Mail::DMARC (libmail-dmarc-perl) asked with JSON lines, for test/lib/suite_dmarc.py. Argument: port of the DNS server.
#	{"from": "example.com", "spf": ["pass", "example.com"], "dkim": [["pass", "example.com"]]}
#	{"result": "fail", "disposition": "reject", "spf": false, "dkim": false}
use strict;
use warnings;
use JSON::PP;
use Mail::DMARC::PurePerl;
use Net::DNS::Resolver;

$| = 1;
my $resolver = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 1, dnsrch => 0, retry => 1);
while (my $line = <STDIN>) {
    my $q = decode_json($line);
    my $d = Mail::DMARC::PurePerl->new;
    $d->set_resolver($resolver);
    $d->config->{report_store}{auto_save} = 0;
    $d->source_ip('192.0.2.1');
    $d->envelope_to('example.com');
    $d->envelope_from($q->{spf}[1]);
    $d->header_from($q->{from});
    $d->dkim([map {{domain => $_->[1], selector => 's', result => $_->[0], human_result => ''}} @{ $q->{dkim} }]);
    $d->spf([{domain => $q->{spf}[1], scope => 'mfrom', result => $q->{spf}[0]}]);
    my %answer = (result => 'died');
    eval {
        local $SIG{__WARN__} = sub { };
        my $r = $d->validate;
        %answer = (result => $r->result, disposition => $r->disposition,
            spf => ($r->spf // '') eq 'pass' ? JSON::PP::true : JSON::PP::false, dkim => ($r->dkim // '') eq 'pass' ? JSON::PP::true : JSON::PP::false);
        1;
    } or $answer{error} = "$@";
    print encode_json(\%answer), "\n";
}
