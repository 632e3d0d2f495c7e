/* SASL exchanges against libgsasl's own client: every mechanism, right and wrong. */
#include "bin/sasl.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "store/password.h"
#include <gsasl.h>
#include <stdio.h>

static const unsigned char secret[SASL_SECRET] = "a secret of thirty-two bytes....";
static struct password stored; /* of alice */
static struct arena mem;

static int look_up(
	void *arg, slice login, struct arena *a, struct sasl_verifier *ret, struct err *e)
{
	++*(unsigned *)arg;
	if (slice_eq(login, S("broken@post.example")))
		return err_set(e, ERR_TEMP, "database is locked");
	bool bare = slice_eq(login, S("gone@post.example"));
	if (!bare && !slice_ieq(login, S("alice@post.example")))
		return err_set(e, ERR_NOTFOUND, "no such account");
	*ret = (struct sasl_verifier){
		bare ? login : arena_dup(a, S("alice@post.example")), bare ? S("") : stored.scram};
	return 0;
}

struct outcome {
	enum sasl_outcome server;
	int client; /* gsasl's */
	unsigned lookups, steps;
	char login[64], why[200];
};

struct client {
	const char *mech, *user, *password, *authzid;
	slice cb_server, cb_client;
};

static int client_callback(Gsasl *g, Gsasl_session *s, Gsasl_property prop)
{
	const struct client *c = gsasl_session_hook_get(s);
	AUTO(buf) struct buf text = BUF(256);
	(void)g;
	switch (prop) {
	case GSASL_AUTHID:
		return gsasl_property_set(s, prop, c->user);
	case GSASL_PASSWORD:
		return gsasl_property_set(s, prop, c->password);
	case GSASL_AUTHZID:
		return c->authzid ? gsasl_property_set(s, prop, c->authzid) : GSASL_NO_CALLBACK;
	case GSASL_CB_TLS_EXPORTER:
		if (c->cb_client.n == 0 || !strstr(c->mech, "-PLUS"))
			return GSASL_NO_CALLBACK;
		b64_encode(&text, c->cb_client);
		return gsasl_property_set_raw(s, prop, text.p, text.n);
	default:
		return GSASL_NO_CALLBACK;
	}
}

/* As the auth role does. */
static enum sasl_outcome settle(
	struct sasl *s, enum sasl_outcome o, unsigned *lookups, slice *ret_challenge)
{
	struct sasl_verifier v = {0};
	struct err e;
	if (o == SASL_TOKEN)
		return sasl_verdict(s,
			slice_eq(sasl_secret(s), S("good.token")) ? S("alice@post.example") : S(""),
			ret_challenge);
	if (o != SASL_PASSWORD)
		return o;
	bool found = look_up(lookups, sasl_name(s), &mem, &v, &e) == 0;
	if (!found && e.kind == ERR_TEMP)
		return SASL_TEMP;
	bool right = password_verify(found && v.scram.n ? stored.argon2 : S(""), sasl_secret(s));
	return sasl_verdict(s, right ? v.login : S(""), ret_challenge);
}

/* The dance, until the server has decided. */
static void dance(
	struct sasl *server, Gsasl_session *client, bool client_first, struct outcome *ret)
{
	slice challenge = {0};
	char *out = NULL;
	size_t n = 0;
	ret->server = SASL_MORE;
	ret->client = GSASL_NEEDS_MORE;
	if (!client_first)
		ret->server = sasl_step(server, (slice){0}, look_up, &ret->lookups, &challenge);
	while (ret->server == SASL_MORE && ret->steps++ < 10) {
		ret->client =
			gsasl_step(client, challenge.p ? challenge.p : "", challenge.n, &out, &n);
		if (ret->client != GSASL_OK && ret->client != GSASL_NEEDS_MORE)
			return;
		ret->server = sasl_step(
			server, slice_of(out ? out : "", n), look_up, &ret->lookups, &challenge);
		ret->server = settle(server, ret->server, &ret->lookups, &challenge);
		gsasl_free(out);
		out = NULL;
	}
	if (ret->client == GSASL_NEEDS_MORE && challenge.n) {
		ret->client = gsasl_step(client, challenge.p, challenge.n, &out, &n);
		gsasl_free(out);
	}
}

static struct outcome run(const struct client *c)
{
	struct outcome r = {.server = SASL_FAILED, .client = -1};
	struct sasl_library *library;
	struct err e;
	Gsasl *g;
	Gsasl_session *client;
	if (!stored.argon2.n)
		CHECK(password_make(S("alice-secret"), &mem, &stored, &e) == 0);
	CHECK(sasl_library_open(secret, &library, &e) == 0);
	CHECK(gsasl_init(&g) == GSASL_OK);
	gsasl_callback_set(g, client_callback);
	CHECK(gsasl_client_start(g, c->mech, &client) == GSASL_OK);
	gsasl_session_hook_set(client, (void *)(uintptr_t)c);
	struct sasl *s = sasl_begin(library, slice_z(c->mech), S("tls-exporter"), c->cb_server, &e);
	CHECK(s != NULL);
	dance(s, client, strcmp(c->mech, "LOGIN") != 0, &r);
	snprintf(r.login, sizeof r.login, "%.*s", SFMT(sasl_login(s)));
	snprintf(r.why, sizeof r.why, "%s", sasl_why(s));
	sasl_end(s);
	gsasl_finish(client);
	gsasl_done(g);
	sasl_library_close(library);
	return r;
}

static const char *const mechs[] = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
#define EACH_MECH(i) for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++)
#define BOUND                                                                                      \
	.cb_server = S("32 bytes of this very TLS channel"),                                       \
	.cb_client = S("32 bytes of this very TLS channel")

TEST(sasl_right_password)
{
	EACH_MECH(i)
	{
		struct outcome o = run(&(struct client){
			mechs[i], "alice@post.example", "alice-secret", NULL, BOUND});
		if (o.server != SASL_OK)
			test_fail(__FILE__, __LINE__, "%s: server %d \"%s\", client %s", mechs[i],
				o.server, o.why, gsasl_strerror(o.client));
		CHECK_STR(slice_z(o.login), S("alice@post.example"));
		CHECK_INT(o.client, GSASL_OK); /* SCRAM: the client believes the server, too */
		CHECK_INT(o.lookups, 1);
	}
}

TEST(sasl_canonical_login)
{
	struct outcome o =
		run(&(struct client){"PLAIN", "Alice@Post.Example", "alice-secret", NULL, BOUND});
	CHECK(o.server == SASL_OK);
	CHECK_STR(slice_z(o.login), S("alice@post.example"));
}

TEST(sasl_wrong_password_and_unknown_look_alike)
{
	static const char *const users[] = {
		"alice@post.example", "nobody@post.example", "gone@post.example"};
	EACH_MECH(i)
	{
		unsigned steps = 0;
		for (size_t j = 0; j < sizeof users / sizeof *users; j++) {
			struct outcome o = run(
				&(struct client){mechs[i], users[j], "wrong-secret", NULL, BOUND});
			CHECK(o.server == SASL_FAILED && o.lookups == 1);
			if (j == 0)
				steps = o.steps;
			CHECK_INT(o.steps, steps);
		}
	}
}

TEST(sasl_account_without_keys_fails_with_the_right_password)
{
	EACH_MECH(i)
	{
		struct outcome o = run(&(struct client){
			mechs[i], "gone@post.example", "alice-secret", NULL, BOUND});
		CHECK(o.server == SASL_FAILED);
	}
}

TEST(sasl_broken_database_is_temporary)
{
	EACH_MECH(i)
	{
		struct outcome o = run(&(struct client){
			mechs[i], "broken@post.example", "alice-secret", NULL, BOUND});
		CHECK(o.server == SASL_TEMP);
	}
}

TEST(sasl_nobody_acts_as_another)
{
	static const char *const with_authzid[] = {"PLAIN", "SCRAM-SHA-256"};
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = run(&(struct client){with_authzid[i], "alice@post.example",
			"alice-secret", "bob@post.example", BOUND});
		CHECK(o.server == SASL_FAILED);
		o = run(&(struct client){with_authzid[i], "alice@post.example", "alice-secret",
			"alice@post.example", BOUND});
		CHECK(o.server == SASL_OK);
	}
}

/* A man in the middle has another channel on either side. */
TEST(sasl_channel_binding_must_match)
{
	struct outcome o = run(&(struct client){.mech = "SCRAM-SHA-256-PLUS",
		.user = "alice@post.example",
		.password = "alice-secret",
		.cb_server = S("the channel of the server........"),
		.cb_client = S("the channel of the client........")});
	CHECK(o.server == SASL_FAILED);
}

TEST(sasl_plus_needs_a_channel)
{
	struct sasl_library *library;
	struct err e;
	CHECK(sasl_library_open(secret, &library, &e) == 0);
	CHECK(!sasl_begin(library, S("SCRAM-SHA-256-PLUS"), S(""), S(""), &e) &&
		e.kind == ERR_PROTO);
	CHECK(!sasl_begin(library, S("CRAM-MD5"), S(""), S(""), &e) && e.kind == ERR_NOTFOUND);
	sasl_library_close(library);
}

static enum sasl_outcome feed(const char *mech, const slice *responses, size_t n, unsigned *lookups)
{
	struct sasl_library *library;
	struct err e;
	slice challenge;
	enum sasl_outcome o = SASL_MORE;
	if (!stored.argon2.n)
		CHECK(password_make(S("alice-secret"), &mem, &stored, &e) == 0);
	CHECK(sasl_library_open(secret, &library, &e) == 0);
	struct sasl *s = sasl_begin(library, slice_z(mech), S(""), S(""), &e);
	for (size_t i = 0; i < n && o == SASL_MORE; i++)
		o = settle(s, sasl_step(s, responses[i], look_up, lookups, &challenge), lookups,
			&challenge);
	sasl_end(s);
	sasl_library_close(library);
	return o;
}

/* AUTH LOGIN with an initial response: the name comes before it is asked for. */
TEST(sasl_login_with_initial_response)
{
	unsigned lookups = 0;
	const slice r[] = {S("alice@post.example"), S("alice-secret")};
	CHECK_INT(feed("LOGIN", r, 2, &lookups), SASL_OK);
	CHECK_INT(lookups, 1);
}

TEST(sasl_garbage_fails)
{
	static const slice garbage[] = {S_INIT(""), S_INIT("\0"), S_INIT("\0\0\0\0"),
		S_INIT("n,,n=,r="), S_INIT("n,,n=alice,r=a,=\xff"),
		S_INIT("p=tls-exporter,,n=alice@post.example,r=x"),
		S_INIT("y,,n=alice@post.example"), S_INIT("alice@post.example")};
	static const char *const three[] = {"PLAIN", "SCRAM-SHA-256"};
	for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
		for (size_t j = 0; j < 2; j++) {
			unsigned lookups = 0;
			const slice r[] = {garbage[i], S("c=biws,r=x,p=AAAA"), S("")};
			CHECK(feed(three[j], r, 3, &lookups) != SASL_OK);
		}
}

TEST(sasl_tokens)
{
	static const struct {
		const char *mech;
		slice first;
		enum sasl_outcome want; /* after a second, empty response where there is one */
	} t[] = {
		{"OAUTHBEARER", S_INIT("n,a=alice@post.example,\1auth=Bearer good.token\1\1"),
			SASL_OK},
		{"OAUTHBEARER", S_INIT("n,,\1host=x\1port=143\1auth=bearer good.token\1\1"),
			SASL_OK},
		{"OAUTHBEARER", S_INIT("n,a=bob@post.example,\1auth=Bearer good.token\1\1"),
			SASL_FAILED},
		{"OAUTHBEARER", S_INIT("n,a=alice@post.example,\1auth=Bearer bad.token\1\1"),
			SASL_FAILED},
		{"OAUTHBEARER", S_INIT("p=tls-exporter,,\1auth=Bearer good.token\1\1"),
			SASL_FAILED},
		{"OAUTHBEARER", S_INIT("n,,\1auth=Basic good.token\1\1"), SASL_FAILED},
		{"OAUTHBEARER", S_INIT("n,,\1auth=Bearer good.token\1"), SASL_FAILED},
		{"OAUTHBEARER", S_INIT("n,,auth=Bearer good.token\1\1"), SASL_FAILED},
		{"OAUTHBEARER", S_INIT("n,,\1\1"), SASL_FAILED},
		{"OAUTHBEARER", S_INIT(""), SASL_FAILED},
		{"XOAUTH2", S_INIT("user=alice@post.example\1auth=Bearer good.token\1\1"), SASL_OK},
		{"XOAUTH2", S_INIT("user=bob@post.example\1auth=Bearer good.token\1\1"),
			SASL_FAILED},
		{"XOAUTH2", S_INIT("user=alice@post.example\1auth=Bearer bad.token\1\1"),
			SASL_FAILED},
		{"XOAUTH2", S_INIT("auth=Bearer good.token\1\1"), SASL_FAILED},
		{"XOAUTH2", S_INIT("user=alice@post.example\1auth=Bearer good.token\1"),
			SASL_FAILED},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		unsigned lookups = 0;
		const slice r[] = {t[i].first, S("\1")}, late[] = {{0}, t[i].first, S("")};
		if (feed(t[i].mech, r, 2, &lookups) != t[i].want ||
			feed(t[i].mech, late, 3, &lookups) != t[i].want)
			test_fail(__FILE__, __LINE__, "%s: %.*s", t[i].mech, SFMT(t[i].first));
	}
}
