/*
 * One pass of one job (collect.h): who it is for, the password, the server's addresses, what goes where. What people set up themselves must not lead
 * to servers inside: a name is looked up once, and what it gave is what is connected to.
 */
#include "bin/collect.h"

#include "base/hex.h"
#include "base/mem.h"
#include "codec/address.h"
#include "store/wildcard.h"

#include <openssl/crypto.h>

#define LOOKUP_TIME (20 * SECOND)

/* ---- where it may connect to ---- */

static bool may_connect(const struct collect_run *r, const struct net_addr *a)
{
	return r->job.options & COLLECT_PRIVATE || r->c->conf->allow_private || !net_is_inside(a);
}

static int literal(struct collect_run *r, struct net_addr **ret, size_t *ret_n)
{
	struct net_addr a;
	struct err e;
	if (net_from_ip(r->job.host, r->job.port, &a, &e) < 0)
		return 0;
	net_unmap(&a);
	*ret = ARENA_NEW(&r->mem, struct net_addr);
	**ret = a;
	*ret_n = 1;
	return 1;
}

static int look_up(struct collect_run *r, struct net_addr **ret, size_t *ret_n, struct err *e)
{
	struct dns_addr_answer found;
	slice host;
	if (literal(r, ret, ret_n))
		return 0;
	if (!domain_to_ascii(r->job.host, &r->mem, &host))
		return err_set(e, ERR_PERM, "%.*s is no name of a server", SFMT(r->job.host));
	if (dns_addr(r->c->dns, host, instant_in(LOOKUP_TIME), &r->mem, &found, e) < 0)
		return -1;
	if (found.n == 0)
		return err_set(e, ERR_TEMP, "%.*s has no address", SFMT(r->job.host));
	*ret = found.v;
	*ret_n = found.n;
	for (size_t i = 0; i < found.n; i++) {
		char ip[NET_TEXT_MAX];
		size_t n = net_print_ip(&found.v[i], ip);
		net_from_ip(slice_of(ip, n), r->job.port, &found.v[i], e);
	}
	return 0;
}

static int addresses(struct collect_run *r, struct net_addr **ret, size_t *ret_n, struct err *e)
{
	struct net_addr *v = NULL;
	size_t n, kept = 0;
	if (look_up(r, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (may_connect(r, &v[i]))
			v[kept++] = v[i];
	if (!kept)
		return err_set(e, ERR_DENIED,
			"%.*s has a private address, which is not allowed ([collect] "
			"allow_private)",
			SFMT(r->job.host));
	*ret = v;
	*ret_n = kept;
	return 0;
}

static int read_fingerprint(slice hex, unsigned char ret[32], struct err *e)
{
	unsigned n = 0;
	for (size_t i = 0; i < hex.n && n < 64; i++) {
		char c = ascii_lower(hex.p[i]);
		int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (c == ':')
			continue;
		if (v < 0)
			break;
		ret[n / 2] = (unsigned char)(n % 2 ? ret[n / 2] | v : v << 4);
		n++;
	}
	return n == 64 ? 0
		       : err_set(e, ERR_PROTO, "a fingerprint is 64 hexadecimal digits (SHA-256)");
}

static int settings(struct collect_run *r, struct remote *ret, struct err *e)
{
	static const enum remote_tls tls[] = {[COLLECT_TLS] = REMOTE_TLS_IMPLICIT,
		[COLLECT_STARTTLS] = REMOTE_TLS_START,
		[COLLECT_PLAIN] = REMOTE_TLS_NEVER};
	const struct collect_job *j = &r->job;
	*ret = (struct remote){.host = j->host,
		.port = j->port,
		.tls = tls[j->security],
		.trust = j->options & COLLECT_TRUST_ANY ? REMOTE_TRUST_ANY : REMOTE_TRUST_HOST,
		.ctx = r->c->tls,
		.user = j->user,
		.as = j->as,
		.password = {r->password},
		.mech = (enum remote_mech)j->auth,
		.deadline = j->every ? instant_in(r->c->conf->pass_time) : 0};
	if (!j->fingerprint.n)
		return 0;
	ret->trust = REMOTE_TRUST_FINGERPRINT;
	return read_fingerprint(j->fingerprint, ret->fingerprint, e);
}

int collect_log_in(struct collect_run *r,
	int (*open)(void *arg, struct io *io, const struct remote *to, struct err *e), void *arg,
	struct err *e)
{
	struct remote to;
	struct net_addr *v = NULL;
	struct io *io;
	size_t n = 0;
	if (settings(r, &to, e) < 0 || addresses(r, &v, &n, e) < 0)
		return -1;
	int result = -1;
	for (size_t i = 0; result < 0 && i < n; i++) {
		result = remote_connect(&v[i], &to, &io, e);
		if (result == 0)
			result = open(arg, io, &to, e);
		if (result < 0 && e->kind == ERR_DENIED)
			break; /* another address would say the same */
	}
	return result;
}

/* ---- what goes where ---- */

static slice line_of(slice *lines)
{
	slice line = {0};
	while (slice_cut(lines, '\n', &line))
		if ((line = slice_trim(line)).n)
			return line;
	return (slice){0};
}

/* The folder itself, or one below it. */
static bool is_below(slice path, slice folder)
{
	return slice_starts(path, folder) && (path.n == folder.n || path.p[folder.n] == '/');
}

bool collect_place(const struct collect_job *j, slice path, struct arena *a, slice *ret)
{
	slice lines = j->exclude, line;
	while ((line = line_of(&lines)).p)
		if (wildcard_match(line, path) || is_below(path, line))
			return false;
	lines = j->map;
	while ((line = line_of(&lines)).p) {
		size_t at = slice_index(line, '=');
		slice from = slice_trim(slice_first(line, at)),
		      to = slice_trim(slice_skip(line, at + 1));
		if (!from.n || !to.n || !is_below(path, from))
			continue;
		*ret = arena_printf(a, "%.*s%.*s", SFMT(to), SFMT(slice_skip(path, from.n)));
		return true;
	}
	*ret = path;
	return true;
}

/* ---- a message ---- */

/* What import.h says of one message becomes what a client is to do. */
static int verdict(struct collect_run *r, int result, const struct err *e)
{
	if (result >= 0)
		return result;
	r->full |= e->kind == ERR_QUOTA;
	return e->kind == ERR_LIMIT || e->kind == ERR_QUOTA ? 1 : -1;
}

static bool too_large(const struct collect_run *r, uint64_t size)
{
	uint64_t most = (uint64_t)boxes_max_message(r->c->boxes);
	return size > most || (r->options.max_message && size > r->options.max_message);
}

static int begin_wanted(struct collect_run *r, const struct import_message *m, struct err *e)
{
	r->filtering = r->filter && !r->options.dry_run && !too_large(r, m->size);
	if (r->filtering) {
		collect_filter_begin(r->filter, m->key);
		return 0;
	}
	struct import_message marked = *m;
	if (r->job.every)
		marked.keywords = S("$Unfiltered");
	return verdict(r, import_message_begin(r->import, &marked, e), e);
}

static int take_bytes(struct collect_run *r, slice piece, struct err *e)
{
	if (!r->filtering)
		return verdict(r, import_message_bytes(r->import, piece, e), e);
	return collect_filter_bytes(r->filter, piece);
}

/* What was read until it was decided goes its way; what is not wanted is noted, and never asked for again. */
static int decided(struct collect_run *r, bool wanted, struct err *e)
{
	const struct import_message *m = collect_choice_of(r->choice);
	r->deciding = false;
	if (!wanted) {
		r->unwanted_now = true;
		return import_taken(r->import, m->key, m->size, false, e) < 0 ? -1 : 1;
	}
	int result = begin_wanted(r, m, e);
	return result ? result : take_bytes(r, collect_choice_read(r->choice), e);
}

int collect_message_begin(struct collect_run *r, const struct import_message *m, struct err *e)
{
	r->deciding = r->unwanted_now = false;
	if (!r->choice || r->options.dry_run)
		return begin_wanted(r, m, e);
	if (!collect_choice_begin(r->choice, m))
		return 1;
	r->deciding = true;
	return 0;
}

int collect_message_bytes(struct collect_run *r, slice piece, struct err *e)
{
	if (r->unwanted_now)
		return 1;
	if (!r->deciding)
		return take_bytes(r, piece, e);
	enum collect_chosen is = collect_choice_add(r->choice, piece, false);
	return is == COLLECT_UNDECIDED ? 0 : decided(r, is == COLLECT_WANTED, e);
}

int collect_message_end(struct collect_run *r, struct err *e)
{
	if (r->deciding) {
		bool wanted = collect_choice_add(r->choice, S(""), true) == COLLECT_WANTED;
		int result = decided(r, wanted, e);
		if (result)
			return result;
	}
	if (r->unwanted_now)
		return 1;
	if (!r->filtering)
		return verdict(r, import_message_end(r->import, e), e);
	r->filtering = false;
	return collect_filter_end(r->filter, e);
}

void collect_message_drop(struct collect_run *r)
{
	r->filtering = r->deciding = false;
	import_message_drop(r->import);
}

/* ---- a pass ---- */

static int open_secret(struct collect_run *r, struct err *e)
{
	AUTO(buf) struct buf text = BUF(COLLECT_SECRET_MAX + SEAL_OVERHEAD);
	slice about = collect_about(&r->job, &r->mem);
	if (seal_open(r->c->key, about, r->job.secret, &text, e) < 0)
		return err_set(e, ERR_PERM,
			"the password of this job cannot be read any more: set it again");
	r->password = arena_dup(&r->mem, buf_slice(&text));
	OPENSSL_cleanse(text.p, text.n);
	return 0;
}

static slice source_of(struct collect_run *r)
{
	const struct collect_job *j = &r->job;
	slice who = j->as.n ? j->as : j->user;
	return arena_printf(&r->mem, "%s:%.*s@%.*s:%u",
		j->protocol == COLLECT_POP3 ? "pop3" : "imap", SFMT(who), SFMT(j->host),
		(unsigned)j->port);
}

/* Addresses are given again: mail comes to whom the job is of, as long as he may have it brought. */
static int check_owner(struct collect_run *r, struct err *e)
{
	const struct collect_job *j = &r->job;
	struct login_facts who;
	r->strange = box_user_account(r->user) != j->account_id;
	if (r->strange)
		return err_set(e, ERR_PERM, "%.*s is the address of another account now",
			SFMT(j->address));
	if (!j->every || j->options & COLLECT_PRIVATE)
		return 0;
	if (directory_get_facts(r->c->directory, j->address, &r->mem, &who, e) < 0)
		return -1;
	return !who.disabled && who.limits.services & SERVICE_COLLECT
		       ? 0
		       : err_set(e, ERR_DENIED, "%.*s may not collect mail of other accounts",
				 SFMT(j->address));
}

static int open_import(struct collect_run *r, struct err *e)
{
	const struct collect_job *j = &r->job;
	const struct mailbox_actor actor = {.who = j->every ? S("collection") : S("migration"),
		.protocol = S("import"),
		.client = source_of(r)};
	if (box_user_open(r->c->boxes, j->address, &actor, &r->user, e) < 0) {
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_PERM;
		return -1;
	}
	if (check_owner(r, e) < 0)
		return -1;
	box_user_no_recent(r->user);
	r->options = (struct import_options){.delete_gone = j->options & COLLECT_DELETE_GONE,
		.flags = j->options & COLLECT_FLAGS,
		.dry_run = j->options & COLLECT_DRY_RUN,
		.verify = j->options & COLLECT_VERIFY,
		.into = j->protocol == COLLECT_IMAP && !j->every ? j->into : S(""),
		.max_message = j->max_message,
		.bytes_per_second = j->rate ? j->rate : r->c->conf->rate};
	return import_open(r->c->boxes, r->user, source_of(r), &r->options, &r->import, e);
}

void collect_take_counts(struct collect_run *r)
{
	struct import_report p = {0};
	struct collect_counts *n = &r->job.n;
	if (!r->import)
		return;
	import_report(r->import, &p);
	*n = (struct collect_counts){.boxes = r->boxes,
		.boxes_done = r->boxes_done,
		.messages = p.messages,
		.bytes = p.bytes,
		.copied = p.copied,
		.present = p.present,
		.flagged = p.flagged,
		.gone = p.gone,
		.refused = p.refused,
		.mended = p.mended,
		.verified = p.verified,
		.missing = p.missing,
		.different = p.different};
	r->job.box = r->box;
}

static int pass(struct collect_run *r, struct err *e)
{
	if (open_import(r, e) < 0 || collect_filter_open(r, &r->filter, e) < 0)
		return -1;
	r->choice = collect_choice_new(&r->job);
	return r->job.protocol == COLLECT_POP3 ? collect_pop3(r, e) : collect_imap(r, e);
}

int collect_pass(struct collect_run *r, struct err *e)
{
	if (open_secret(r, e) < 0)
		return -1;
	r->to = r->job.into;
	int result = pass(r, e);
	OPENSSL_cleanse((char *)r->password.p, r->password.n);
	collect_choice_free(take(&r->choice));
	collect_filter_close(take(&r->filter));
	return result;
}
