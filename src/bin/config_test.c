/* The configuration as a whole: defaults, rules across sections, the way to child processes. */
#include "bin/config.h"

#include "base/mem.h"
#include "base/test.h"
#include "bin/config_keys.h"
#include <stdio.h>

static struct config parsed(const char *text)
{
	struct config c;
	struct err e;
	if (config_parse(slice_z(text), S("test.conf"), &c, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return c;
}

static void refused(const char *text, const char *why)
{
	struct config c;
	struct err e;
	if (config_parse(slice_z(text), S("test.conf"), &c, &e) == 0)
		test_fail(__FILE__, __LINE__, "accepted: %s", text);
	if (!strstr(e.text, why))
		test_fail(__FILE__, __LINE__, "says \"%s\", not \"%s\"", e.text, why);
}

TEST(config_empty_is_complete)
{
	AUTO(config) struct config c = parsed("");
	CHECK_INT(c.nlisteners, 4);
	CHECK_STR(c.listeners[0].name, S("mx"));
	CHECK_INT(net_port(&c.listeners[0].conf->listen.v[0]), 25);
	CHECK_STR(c.listeners[1].name, S("submission"));
	CHECK_INT(net_port(&c.listeners[1].conf->listen.v[0]), 587);
	CHECK_INT(c.listeners[2].conf->kind, SMTPD_SUBMISSIONS);
	CHECK_INT(net_port(&c.listeners[2].conf->listen.v[0]), 465);
	CHECK_STR(c.server->data, S("/var/lib/posthouse"));
	CHECK_STR(c.certificate, S("/var/lib/posthouse/tls/certificate.pem"));
	CHECK(c.hostname.n > 0 && c.edges >= 1);
	CHECK(slice_starts(c.postmaster, S("mailer-daemon@")));
	CHECK_INT(c.retry[0], 5 * MINUTE);
	CHECK_INT(c.nretry, 8);
}

TEST(config_reaches_children_unchanged)
{
	AUTO(config)
	struct config c = parsed("[server]\nhostname = Mail.Example.COM\nedges = 3\n"
				 "[smtp \"inner\"]\nlisten = 127.0.0.1:2525 [::1]:2525\n"
				 "[queue]\nretry = 10s 1m\npostmaster = pm@example.com\n");
	AUTO(buf) struct buf text = BUF(1 << 20), again = BUF(1 << 20);
	config_text(&c, &text);
	buf_byte(&text, 0);
	AUTO(config) struct config d = parsed(text.p);
	config_text(&d, &again);
	CHECK_STR(buf_slice(&again), slice_first(buf_slice(&text), text.n - 1));
	CHECK_STR(d.hostname, S("mail.example.com"));
	CHECK_INT(d.edges, 3);
	CHECK_INT(d.nlisteners, 1);
	CHECK_INT(d.listeners[0].conf->listen.n, 2);
	CHECK_INT(d.retry[1], MINUTE);
	CHECK_STR(d.postmaster, S("pm@example.com"));
}

TEST(config_mistakes_across_sections)
{
	refused("[smtp \"a\"]\nlisten = 127.0.0.1:25\n[smtp \"b\"]\nlisten = 127.0.0.1:25\n",
		"both listen on");
	refused("[server]\nhostname = no host\n", "no host name");
	refused("[queue]\npostmaster = nobody\n", "no mail address");
	refused("[queue]\ndouble_bounces = nobody\n", "no mail address");
	refused("[queue]\nretry = 5m often\n", "1s to 7d");
	refused("[tls]\nkey = /k\n", "go together");
	refused("[delivery]\nsource_v4 = ::1\n", "address of this family");
	refused("[delivery]\nper_destination = 2\n", "larger than per_destination");
	refused("[delivery]\ntls_exceptions = a.test *.b.test\n", "each is a domain");
	refused("[delivery]\ntls = verify\n", "none, opportunistic, required, ca, host, dane");
	refused("[nonsense]\n", "nonsense");
}

TEST(config_file_may_be_missing_only_by_default)
{
	AUTO(arena) struct arena mem = {0};
	struct conf_errors errors;
	struct config c;
	struct err e;
	CHECK(config_load(S("/nonexistent/posthouse.conf"), CONF_EN, &c, &mem, &errors, &e) < 0);
	CHECK(e.kind == ERR_NOTFOUND);
}

/* What `posthouse config defaults` prints is itself a configuration, in both languages. */
TEST(config_defaults_parse)
{
	for (int lang = CONF_EN; lang <= CONF_ZH; lang++) {
		AUTO(buf) struct buf text = BUF(1 << 20);
		conf_print_defaults(config_sections, (enum conf_lang)lang, &text);
		CHECK(buf_ok(&text) && text.n > 10000);
		buf_byte(&text, 0);
		AUTO(config) struct config c = parsed(text.p);
		CHECK_INT(c.nlisteners, 4);
	}
}
