/*
 * Changing a domain's keys with overlap (`posthouse dkim rotate`, `activate`). Where a rotation
 * stands is told by the keys' states alone, so that it can stop anywhere and go on later:
 *
 *	only active keys	prepare new ones		-> publish
 *	prepared keys		are they visible? activate them, retire the old
 *	retired keys		overlap over? revoke them	-> publish
 */
#include "bin/cli_dkim.h"

#include "base/mem.h"

#include <stdio.h>

#define OVERLAP (7 * DAY)

struct rotation {
	struct looking *l;
	struct sql *db;
	slice by;
	struct keyring_key *v; /* of the domain */
	size_t n;
	int64_t now;
};

static size_t in_state(const struct rotation *r, enum keyring_state s)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].state == s;
	return n;
}

static int set_state(
	struct rotation *r, struct keyring_key *k, enum keyring_state to, struct err *e)
{
	if (keyring_set_state(r->db, k->id, to, r->by, r->now, e) < 0)
		return -1;
	k->state = to;
	return 0;
}

static void print_keys(struct rotation *r, const struct keyring_key *v, size_t n)
{
	struct json *j = r->l->j;
	if (!j) {
		dkim_print_records(v, n, r->l->mem);
		return;
	}
	json_open_array(j, "records");
	for (size_t i = 0; i < n; i++)
		dkim_json_key(j, &v[i], true, r->l->mem);
	json_close(j, ']');
}

static void tell_step(struct rotation *r, const char *step)
{
	if (r->l->j)
		json_text(r->l->j, "step", slice_z(step));
}

/* ---- are records visible? ---- */

static bool visible(struct rotation *r, const struct keyring_key *k)
{
	slice text, name = dkim_record_name(k, r->l->mem);
	switch (dkim_look(r->l, k, &text)) {
	case DKIM_SEEN_RIGHT:
		return true;
	case DKIM_SEEN_MISSING:
		say(r->l, T("%.*s is not published yet.", "%.*s 尚未发布。"), SFMT(name));
		break;
	case DKIM_SEEN_OTHER:
		say(r->l,
			T("%.*s is published, but not as this key's record: %.*s",
				"%.*s 已发布，但不是该密钥的记录：%.*s"),
			SFMT(name), SFMT(slice_first(text, 300)));
		break;
	case DKIM_SEEN_UNKNOWN:
		say(r->l, T("%.*s could not be looked up: %.*s", "无法查询 %.*s：%.*s"), SFMT(name),
			SFMT(text));
		break;
	}
	return false;
}

static bool all_visible(struct rotation *r, enum keyring_state s)
{
	bool all = true;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].state == s && !visible(r, &r->v[i]))
			all = false;
	return all;
}

/* ---- the steps ---- */

/* One new key for each active one, of the same kind. */
static int prepare(struct rotation *r, struct err *e)
{
	struct keyring_key *made = ARENA_ARRAY(r->l->mem, struct keyring_key, r->n + 1);
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++) {
		enum keyring_algorithm g = r->v[i].algorithm;
		if (r->v[i].state != KEYRING_ACTIVE)
			continue;
		if (g == KEYRING_RSA_OTHER)
			g = KEYRING_RSA2048;
		if (dkim_make_key(r->db, r->v[i].domain, S(""), g, KEYRING_PREPARED, r->by,
			    r->l->mem, &made[n], e) < 0)
			return -1;
		n++;
	}
	tell_step(r, "prepared");
	say(r->l, "%s",
		T("; New keys are prepared. Publish these records and run this again:",
			"; 新密钥已备好。请发布以下记录，然后再次运行本命令："));
	print_keys(r, made, n);
	return CLI_OK;
}

static int swap(struct rotation *r, struct err *e)
{
	if (!cli_flag(r->l->call, "force") && !all_visible(r, KEYRING_PREPARED)) {
		tell_step(r, "waiting");
		say(r->l, "%s",
			T("Nothing was changed; run this again later.",
				"未作更改；请稍后再次运行。"));
		return CLI_TEMPORARY;
	}
	/* First the new ones: at no time is mail unsigned. */
	size_t before = r->n;
	bool *old = ARENA_ARRAY(r->l->mem, bool, before + 1);
	for (size_t i = 0; i < before; i++)
		old[i] = r->v[i].state == KEYRING_ACTIVE;
	for (size_t i = 0; i < before; i++)
		if (r->v[i].state == KEYRING_PREPARED &&
			set_state(r, &r->v[i], KEYRING_ACTIVE, e) < 0)
			return -1;
	for (size_t i = 0; i < before; i++)
		if (old[i] && set_state(r, &r->v[i], KEYRING_RETIRED, e) < 0)
			return -1;
	tell_step(r, "activated");
	say(r->l, "%s",
		T("The new keys sign now; the old ones are retired. Leave their records "
		  "published, and run this again after the overlap.",
			"新密钥已开始签名，旧密钥已停用。请继续发布旧记录，过渡期之后再次运行本命令"
			"。"));
	return CLI_OK;
}

static int revoke_old(struct rotation *r, int64_t overlap, struct err *e)
{
	struct keyring_key *revoked = ARENA_ARRAY(r->l->mem, struct keyring_key, r->n);
	char when[OUT_TEXT];
	size_t n = 0;
	int64_t last = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].state != KEYRING_RETIRED)
			continue;
		if (r->v[i].retired_at + overlap > r->now) {
			last = r->v[i].retired_at > last ? r->v[i].retired_at : last;
			continue;
		}
		if (set_state(r, &r->v[i], KEYRING_REVOKED, e) < 0)
			return -1;
		revoked[n++] = r->v[i];
	}
	if (n == 0) {
		tell_step(r, "overlap");
		say(r->l,
			T("The former keys stay published until %s; nothing to do before.",
				"旧密钥的记录应继续发布至 %s；此前无需操作。"),
			out_time(last + overlap, when));
		return CLI_OK;
	}
	tell_step(r, "revoked");
	say(r->l, "%s",
		T("; The former keys are revoked: the rotation is done. Publish these records "
		  "in place of theirs; a month later they can go (posthouse dkim remove):",
			"; "
			"旧密钥已吊销，轮换完成。请以下列记录代替原记录；一个月后可删除（posthouse "
			"dkim "
			"remove）："));
	print_keys(r, revoked, n);
	return CLI_OK;
}

/* Have all active keys signed for less than `age`? */
static bool too_young(const struct rotation *r, int64_t age)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].state == KEYRING_ACTIVE && r->v[i].activated_at + age <= r->now)
			return false;
	return true;
}

static int next_step(struct rotation *r, int64_t overlap, int64_t age, struct err *e)
{
	if (in_state(r, KEYRING_PREPARED))
		return swap(r, e);
	if (in_state(r, KEYRING_RETIRED))
		return revoke_old(r, overlap, e);
	if (in_state(r, KEYRING_ACTIVE) == 0) {
		say(r->l, "%s",
			T("The domain has no active keys (posthouse dkim add).",
				"该域没有启用的密钥（posthouse dkim add）。"));
		return CLI_NOTHING;
	}
	if (age && too_young(r, age)) {
		tell_step(r, "young");
		say(r->l, "%s", T("The keys are young; nothing to do.", "密钥还很新；无需操作。"));
		return CLI_OK;
	}
	return prepare(r, e);
}

/* ---- the commands ---- */

/* In a coroutine, so the keyring is opened here. */
static int open_rotation(struct looking *l, struct rotation *r, struct err *e)
{
	*r = (struct rotation){.l = l, .by = cli_env_who(l->mem), .now = wall_now()};
	if (cli_env_take_user(l->env, e) < 0 ||
		keyring_open(l->env->config.server->data, &r->db, e) < 0)
		return -1;
	return keyring_list(r->db, cli_arg(l->call, 0), l->mem, &r->v, &r->n, e);
}

static bool time_option(struct looking *l, const char *name, int64_t def, int64_t *ret)
{
	slice text = cli_option_text(l->call, name);
	*ret = def;
	if (!text.n || duration_parse(text, ret))
		return true;
	out_usage(T("--%s is a time like 7d or 12h", "--%s 应为时长，如 7d 或 12h"), name);
	return false;
}

int dkim_rotate(struct looking *l)
{
	struct rotation r;
	int64_t overlap, age;
	struct err e;
	if (!time_option(l, "overlap", OVERLAP, &overlap) || !time_option(l, "older-than", 0, &age))
		return CLI_USAGE;
	int code = open_rotation(l, &r, &e);
	if (code == 0)
		code = next_step(&r, overlap, age, &e);
	sql_close(r.db);
	return code < 0 ? looking_failed(l, &e) : code;
}

static int activate(struct rotation *r, struct err *e)
{
	struct looking *l = r->l;
	struct keyring_key k;
	if (keyring_find(r->db, cli_arg(l->call, 0), cli_arg(l->call, 1), l->mem, &k, e) < 0)
		return -1;
	if (k.state == KEYRING_REVOKED)
		return err_set(e, ERR_DENIED, "a revoked key stays revoked");
	if (!cli_flag(l->call, "force") && !visible(r, &k)) {
		say(l, "%s",
			T("Nothing was changed; publish the record first:",
				"未作更改；请先发布记录："));
		print_keys(r, &k, 1);
		return CLI_TEMPORARY;
	}
	if (set_state(r, &k, KEYRING_ACTIVE, e) < 0)
		return -1;
	say(l, T("Key %.*s of %.*s signs now.", "密钥 %.*s（%.*s）已开始签名。"), SFMT(k.selector),
		SFMT(k.domain));
	return CLI_OK;
}

int dkim_activate(struct looking *l)
{
	struct rotation r;
	struct err e;
	int code = open_rotation(l, &r, &e);
	if (code == 0)
		code = activate(&r, &e);
	sql_close(r.db);
	return code < 0 ? looking_failed(l, &e) : code;
}
