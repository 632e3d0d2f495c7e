/* Verifying: vectors of the RFCs, key records, limits, lookups side by side. */
#include "run/co.h"
#include "run/loop.h"
#include "senderauth/dkim_testing.h"

/* RFC 8463 appendix A: message and keys; it is also the body of RFC 6376 appendix A. */
#define A_ED                                                                                       \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"                            \
	" d=football.example.com; i=@football.example.com;\r\n"                                    \
	" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"                                  \
	" subject : date : message-id : from : subject : date;\r\n"                                \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                                    \
	" b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"                          \
	" Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
#define A_RSA                                                                                      \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"                                \
	" d=football.example.com; i=@football.example.com;\r\n"                                    \
	" q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"                            \
	" date : message-id : from : subject : date;\r\n"                                          \
	" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"                                    \
	" b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"                          \
	" DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"                          \
	" dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n"
#define A_MAIL                                                                                     \
	"From: Joe SixPack <joe@football.example.com>\r\n"                                         \
	"To: Suzie Q <suzie@shopping.example.net>\r\n"                                             \
	"Subject: Is dinner ready?\r\n"                                                            \
	"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                                          \
	"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"                         \
	"\r\n"                                                                                     \
	"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
#define KEY_ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define KEY_RSA                                                                                    \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi" \
	"Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZy" \
	"VYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"

static void add_rfc_keys(struct zone *z)
{
	add_key(z, S("brisbane._domainkey.football.example.com"),
		S("v=DKIM1; k=ed25519; p=" KEY_ED));
	add_key(z, S("test._domainkey.football.example.com"), S("v=DKIM1; k=rsa; p=" KEY_RSA));
}

TEST(dkim_rfc8463_message)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	add_rfc_keys(&z);
	struct dkim_results r = verify(&z, &a, S(A_ED A_RSA A_MAIL));
	struct dkim_results changed = verify(&z, &a, S(A_ED A_RSA "To: another\r\n" A_MAIL));
	struct dkim_results body = verify(&z, &a, S(A_ED A_RSA A_MAIL "PS\r\n"));
	struct dkim_results longer = verify(&z, &a, S(A_ED A_RSA "Subject: mine\r\n" A_MAIL));
	zone_done(&z);
	CHECK_INT(r.n, 2);
	CHECK(r.v[0].result == AUTH_PASS && r.v[1].result == AUTH_PASS);
	CHECK(r.v[0].bits == 256 && r.v[1].bits == 1024 && r.from_fields == 1 && !r.skipped);
	CHECK_INT(changed.v[0].result, AUTH_PASS); /* To was signed once: the lower one */
	CHECK_INT(longer.v[0].result, AUTH_FAIL); /* Subject was signed twice */
	CHECK(body.v[0].result == AUTH_FAIL && body.v[1].result == AUTH_FAIL);
	CHECK_STR(slice_z(body.v[1].reason), S("the body was changed"));
	CHECK_INT(dkim_results_best(&r), AUTH_PASS);
	CHECK_INT(dkim_results_best(&body), AUTH_FAIL);
}

/* The message of RFC 8463 with its ed25519 signature, and another key record: what comes of it. */
TEST(dkim_key_records)
{
	static const struct {
		const char *record; /* NULL none; "!" no answer */
		enum auth_result result;
		const char *reason;
	} cases[] = {
		{"v=DKIM1; k=ed25519; p=" KEY_ED, AUTH_PASS, "good signature"},
		{"v=DKIM1; k=ed25519; t=s; p=" KEY_ED, AUTH_PASS, "good signature"},
		{"v=DKIM1; k=ed25519; p=", AUTH_PERMERROR, "the key is revoked"},
		{"v=DKIM1; k=ed25519; h=sha1; p=" KEY_ED, AUTH_PERMERROR,
			"the key forbids this hash"},
		{"v=DKIM1; k=rsa; p=" KEY_RSA, AUTH_PERMERROR, "the key is for another algorithm"},
		{"v=DKIM1; k=rsa; p=" KEY_ED, AUTH_PERMERROR, "the key is for another algorithm"},
		{"v=DKIM1; k=ed25519; s=web; p=" KEY_ED, AUTH_PERMERROR,
			"the key is not meant for mail"},
		{"v=DKIM1; k=ed25519; s=tlsrpt; p=" KEY_ED, AUTH_PERMERROR,
			"the key is not meant for mail"},
		{"v=DKIM1; k=ed25519; p=AAqYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", AUTH_FAIL,
			"the signature does not fit header and key"},
		{"some text", AUTH_PERMERROR, "the key record is malformed"},
		{NULL, AUTH_PERMERROR, "there is no key"},
		{"!", AUTH_TEMPERROR, "the key cannot be looked up now"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		struct zone z = {0};
		slice name = S("brisbane._domainkey.football.example.com");
		if (cases[i].record && cases[i].record[0] == '!')
			zone_add(&z, name, ZONE_TIMEOUT, (slice){0});
		else if (cases[i].record)
			add_key(&z, name, slice_z(cases[i].record));
		struct dkim_results r = verify(&z, &a, S(A_ED A_MAIL));
		zone_done(&z);
		CHECK_STR(slice_z(r.v[0].reason), slice_z(cases[i].reason));
		CHECK_INT(r.v[0].result, cases[i].result);
	}
}

/* RFC 8460 3: such a key is good for TLS reports, which say what they are. */
TEST(dkim_keys_for_tls_reports)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	add_key(&z, S("brisbane._domainkey.football.example.com"),
		S("v=DKIM1; k=ed25519; s=tlsrpt; p=" KEY_ED));
	struct dkim_results mail = verify(&z, &a, S(A_ED A_MAIL));
	struct dkim_results report =
		verify(&z, &a, S(A_ED "TLS-Report-Domain: example.net\r\n" A_MAIL));
	zone_done(&z);
	CHECK_INT(mail.v[0].result, AUTH_PERMERROR);
	CHECK_INT(report.v[0].result, AUTH_PASS);
}

/* RFC 6376 appendix A.2, with the key of appendix C. */
TEST(dkim_rfc6376_message)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	slice mail = S("DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
		       "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
		       "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
		       "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
		       "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
		       "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHutKVdkLLkpVaVV\r\n"
		       "      QPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV4bmp/YzhwvcubU4=;\r\n"
		       "Received: from client1.football.example.com  [192.0.2.1]\r\n"
		       "      by submitserver.example.com with SUBMISSION;\r\n"
		       "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n"
		       "From: Joe SixPack <joe@football.example.com>\r\n"
		       "To: Suzie Q <suzie@shopping.example.net>\r\n"
		       "Subject: Is dinner ready?\r\n"
		       "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
		       "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
		       "\r\n"
		       "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n");
	add_key(&z, S("brisbane._domainkey.example.com"),
		S("v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGe"
		  "LnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+"
		  "Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"));
	struct dkim_results r = verify(&z, &a, mail);
	zone_done(&z);
	CHECK_INT(r.n, 1);
	CHECK_STR(slice_z(r.v[0].reason), S("good signature"));
	CHECK_INT(r.v[0].result, AUTH_PASS);
}

TEST(dkim_one_fitting_record_of_several_is_enough)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	slice name = S("brisbane._domainkey.football.example.com");
	add_key(&z, name, S("v=spf1 -all"));
	add_key(&z, name, S("v=DKIM1; k=ed25519; p="));
	add_key(&z, name, S("v=DKIM1; k=ed25519; t=y; p=" KEY_ED));
	struct dkim_results r = verify(&z, &a, S(A_ED A_MAIL));
	zone_done(&z);
	CHECK(r.v[0].result == AUTH_PASS && r.v[0].testing);
}

TEST(dkim_fields_that_are_no_signatures)
{
	static const struct {
		const char *field;
		enum auth_result want;
	} cases[] = {
		{"DKIM-Signature: v=2; a=rsa-sha256; d=a.example; s=s; h=From; bh=AA==; b=AA==\r\n",
			AUTH_NEUTRAL},
		{"DKIM-Signature: hello\r\n", AUTH_NEUTRAL}, {"DKIM-Signature:\r\n", AUTH_NEUTRAL},
		{"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=To; "
		 "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AA==\r\n",
			AUTH_PERMERROR}, /* From is not signed */
		{"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=From; bh=AA==; b=AA==\r\n",
			AUTH_PERMERROR}, /* no SHA-256 digest */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(arena) struct arena a = {0};
		struct zone z = {0};
		slice mail = arena_printf(&a, "%sFrom: a@a.example\r\n\r\n", cases[i].field);
		struct dkim_results r = verify(&z, &a, mail);
		zone_done(&z);
		CHECK(r.n == 1 && r.v[0].result == cases[i].want && r.v[0].reason[0]);
	}
}

/* A thousand signatures: ten are looked at, those of the From domain first; each key asked once. */
TEST(dkim_many_signatures)
{
	AUTO(buf) struct buf mail = BUF(10 << 20);
	struct dkim_bench b;
	bench_init(&b);
	slice good = sign(&b, (struct dkim_sign_how){.domain = S("example.com")}, S(MAIL));
	for (int i = 0; i < 1000; i++)
		buf_put(&mail, S("DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=s; h=From; "
				 "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AA==\r\n"));
	buf_put(&mail, good);
	struct dkim_results r = verify(&b.z, &b.mem, buf_slice(&mail));
	bool best_first = r.v[0].result == AUTH_PASS && r.v[1].result == AUTH_PASS;
	size_t n = r.n, skipped = r.skipped;
	buf_reset(&mail);
	for (int i = 0; i < 8; i++)
		buf_put(&mail, slice_first(good, good.n - strlen(MAIL)));
	buf_put(&mail, S(MAIL));
	b.z.asked = 0;
	r = verify(&b.z, &b.mem, buf_slice(&mail));
	unsigned asked = b.z.asked;
	bool all = r.n == 10 && r.v[9].result == AUTH_PASS;
	bench_done(&b);
	CHECK(best_first && all);
	CHECK_INT(n, 10);
	CHECK_INT(skipped, 992);
	CHECK_INT(asked, 2);
}

TEST(dkim_too_many_fields)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf mail = BUF(10 << 20);
	struct zone z = {0};
	buf_put(&mail, S(A_ED));
	for (int i = 0; i < 100000; i++)
		buf_put(&mail, S("X: y\r\n"));
	buf_put(&mail, S(A_MAIL));
	struct dkim_results r = verify(&z, &a, buf_slice(&mail));
	zone_done(&z);
	CHECK(r.n == 1 && r.v[0].result == AUTH_NEUTRAL);
	CHECK_STR(slice_z(r.v[0].reason), S("the header has too many fields"));
}

/* Lookups that wait: they run side by side. */
struct slow {
	struct zone z;
	unsigned asked, now, most;
};

static enum lookup_status slow_txt(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	struct slow *s = arg;
	struct err e;
	s->asked++;
	s->most = ++s->now > s->most ? s->now : s->most;
	co_sleep(instant_in(2 * MSEC), &e);
	s->now--;
	return zone_txt(&s->z, name, deadline, a, ret, ret_n);
}

static void verify_slowly(void *arg)
{
	AUTO(arena) struct arena a = {0};
	struct slow *s = arg;
	struct lookup l = {.txt = slow_txt, .arg = s};
	struct body_hashes *b = body_hashes_new(&a);
	struct dkim_results r;
	slice mail = S(A_ED A_RSA A_MAIL);
	size_t header = header_length(mail);
	struct dkim_verifier *v =
		dkim_verify_new(&a, slice_first(mail, header), b, &DKIM_POLICY_DEFAULT, NOW);
	body_hashes_add(b, slice_skip(mail, header));
	body_hashes_end(b);
	dkim_verify_finish(v, &l, INSTANT_NEVER, &r);
	body_hashes_free(b);
	must(r.v[0].result == AUTH_PASS && r.v[1].result == AUTH_PASS);
}

TEST(dkim_keys_are_asked_side_by_side)
{
	struct slow s = {0};
	add_rfc_keys(&s.z);
	loop_init();
	loop_main(verify_slowly, &s);
	loop_done();
	zone_done(&s.z);
	CHECK_INT(s.most, 2);
}

static void ask_slowly(void *arg)
{
	enum { MANY = 30 };
	AUTO(arena) struct arena a = {0};
	struct slow *s = arg;
	struct lookup l = {.txt = slow_txt, .arg = s};
	struct dkim_field v[MANY];
	const struct dkim_field *fields[MANY];
	struct dkim_keys keys[MANY];
	for (int i = 0; i < MANY; i++) {
		v[i] = (struct dkim_field){
			.domain = S("slow.test"), .selector = arena_printf(&a, "s%d", i)};
		fields[i] = &v[i];
	}
	dkim_keys_ask(fields, MANY, &l, INSTANT_NEVER, &a, keys);
	must(s->asked == MANY);
	dkim_keys_ask(fields, MANY, &l, instant_now(), &a, keys);
	for (int i = 0; i < MANY; i++)
		must(keys[i].status == LOOKUP_TEMP);
}

/* One message must not have the whole resolver wait for it. */
TEST(dkim_few_keys_are_asked_at_once)
{
	struct slow s = {0};
	loop_init();
	loop_main(ask_slowly, &s);
	loop_done();
	zone_done(&s.z);
	CHECK_INT(s.most, 4);
	CHECK_INT(s.asked, 30);
}
