/*
 * Logging in to ManageSieve: AUTHENTICATE (RFC 5804 2.1), STARTTLS (2.2), UNAUTHENTICATE (2.14), on the frame of sessions
 * (mail/session.h). Capabilities are said again when TLS has begun, without being asked (2.2).
 */
#include "base/b64.h"
#include "base/mem.h"
#include "proto/managesieve/session.h"
#include "store/directory.h"
#include <stdio.h>

void managesieve_starttls(struct managesieve *s, const struct managesieve_args *args)
{
	const char *why = session_no_tls(&s->base);
	(void)args;
	if (why) {
		managesieve_no(s, NULL, slice_z(why));
		return;
	}
	managesieve_ok(s, NULL, S("Begin TLS"));
	if (!s->base.over && session_start_tls(&s->base))
		managesieve_capabilities(s);
}

/* ---- how ManageSieve speaks (mail/session.h) ---- */

static void card(void *arg, void *file)
{
	const struct managesieve *s = arg;
	fprintf(file, "managesieve session: account %lld commands %llu\n", (long long)s->account_id,
		(unsigned long long)s->base.sum.commands);
}

static void bye(struct session *base, enum session_end end, const char *why)
{
	managesieve_answer((struct managesieve *)base, "BYE",
		end == SESSION_CANCELLED ? "TRYLATER" : NULL, slice_z(why));
}

static void no(struct session *base, enum session_no no, slice why)
{
	static const char *const codes[] = {
		[SESSION_NO_TLS] = "ENCRYPT-NEEDED", [SESSION_NO_JUDGE] = "TRYLATER"};
	if (no == SESSION_NO_TLS)
		why = S("Say STARTTLS first");
	managesieve_no((struct managesieve *)base, codes[no], why);
}

static bool ask(struct session *base, slice challenge, slice *ret_answer)
{
	struct managesieve *s = (struct managesieve *)base;
	managesieve_string(s, challenge);
	managesieve_put(s, S("\r\n"));
	return managesieve_read_string(s, ret_answer);
}

static int find_account(struct managesieve *s, slice login, struct err *e)
{
	struct login_facts facts;
	if (directory_get_facts(s->service->directory, login, &s->base.mem, &facts, e) < 0)
		return -1;
	s->account_id = facts.id;
	return 0;
}

static int open_scripts(struct managesieve *s, slice login, struct err *e)
{
	struct mailbox_actor actor = {0};
	s->login = arena_dup(&s->base.life, login);
	if (s->base.ops->enter(s->base.arg, s->login, &actor, e) < 0)
		return -1;
	return find_account(s, s->login, e);
}

/* The server's last word travels with the OK (2.1). */
static void enter(struct session *base, slice login, slice last)
{
	struct managesieve *s = (struct managesieve *)base;
	AUTO(buf) struct buf word = BUF(SESSION_AUTH_MAX * 2);
	struct err e = {0};
	if (open_scripts(s, login, &e) < 0) {
		managesieve_bye(s, "scripts", "TRYLATER",
			e.kind == ERR_LIMIT ? e.text : "Scripts cannot be reached now, try later");
		return;
	}
	base->inside = true;
	if (!last.n) {
		managesieve_ok(s, NULL, S("Logged in"));
		return;
	}
	b64_encode(&word, last);
	managesieve_put(s, S("OK (SASL "));
	managesieve_string(s, buf_slice(&word));
	managesieve_put(s, S(") \"Logged in\"\r\n"));
}

const struct session_kind managesieve_kind = {
	.card = card, .bye = bye, .no = no, .ask = ask, .enter = enter};

/* ---- the commands ---- */

void managesieve_authenticate(struct managesieve *s, const struct managesieve_args *args)
{
	session_authenticate(&s->base, args->v[0].text, args->n > 1 ? &args->v[1].text : NULL);
}

/* Back to where one logs in; TLS stays. */
void managesieve_unauthenticate(struct managesieve *s, const struct managesieve_args *args)
{
	(void)args;
	s->account_id = 0;
	s->login = S("");
	s->base.inside = false;
	arena_reset(&s->base.life);
	s->base.began = instant_now();
	managesieve_ok(s, NULL, S("Logged out"));
}
