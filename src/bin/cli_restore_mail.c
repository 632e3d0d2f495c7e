/*
 * `posthouse restore account|folder|message`: mail of one account out of a backup: found in the databases of then, which are read where they
 * lie, fetched message by message, and put back as new messages beside the running server (a blob, then a row, in one commit each, as APPEND does
 * it), or written aside as files (cli_backup.h).
 *
 * What is in the mailbox still, in whatever folder, is not put back again: it is known by its Message-ID, size and the moment it was received. So
 * a restore that was interrupted is simply begun again.
 */
#include "bin/cli_backup.h"

#include "base/map.h"
#include "base/mem.h"
#include "bin/cli_mailbox.h"
#include "codec/header.h"
#include "codec/summary.h"
#include "store/blob.h"
#include "store/changes.h"
#include "store/commit.h"
#include "store/directory.h"
#include "store/mailbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 250, MESSAGE_MAX = 1 << 30, LISTED_MAX = 1000, KEY_MAX = 2100 };

struct criteria {
	slice folder; /* it and those below it */
	bool below;
	slice message_id, from, subject;
	int64_t since, until; /* 0: open */
	uint64_t uid;
};

struct restoring {
	struct cli_backup *b;
	struct cli_call *c;
	struct backup_mail *then;
	struct sql *then_shard, *now_shard;
	struct account account; /* as it is now; id 0: aside only */
	int64_t then_id;
	struct blobs *blobs;
	struct commit *commit;
	struct map present;
	struct criteria want;
	slice to, into;
	enum aside_format format;
	bool again, just_list, json;
	bool may_revive; /* the account comes back when it is gone */
	struct cli_revive *revive;
	struct listing l;
	uint64_t fit, done, there, failed;
	struct backup_content *content;
};

/* ---- what a message is known by ---- */

static slice message_id_of(const struct mailbox_message *m)
{
	struct summary s;
	return summary_open(m->summary, &s) ? slice_trim(summary_text(&s, 0, SUMMARY_MESSAGE_ID))
					    : S("");
}

static slice key_of(const struct mailbox_message *m, char out[KEY_MAX])
{
	slice id = slice_first(message_id_of(m), 2000);
	int n = snprintf(
		out, KEY_MAX, "%" PRIu64 " %" PRId64 " %.*s", m->size, m->received_at, SFMT(id));
	return slice_of(out, n > 0 && n < KEY_MAX ? (size_t)n : 0);
}

/* ---- walking through a mailbox ---- */

static int each_message(struct sql *db, int64_t account_id, const struct mailbox_folder *f,
	int (*fn)(struct restoring *x, const struct mailbox_folder *f,
		const struct mailbox_message *m, struct err *e),
	struct restoring *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_query q = {.account_id = account_id,
		.folder_id = f->id,
		.want = MAILBOX_WANT_SUMMARY | MAILBOX_WANT_EMAIL,
		.most = ROWS};
	struct mailbox_message *v;
	size_t n;
	do {
		arena_reset(&a);
		if (mailbox_rows(db, &q, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (fn(x, f, &v[i], e) < 0)
				return -1;
		if (n)
			q.after = v[n - 1].uid;
	} while (n == ROWS);
	return 0;
}

static int note_present(struct restoring *x, const struct mailbox_folder *f,
	const struct mailbox_message *m, struct err *e)
{
	char key[KEY_MAX];
	(void)f, (void)e;
	map_put(&x->present, key_of(m, key), x);
	return 0;
}

static int note_all_present(struct restoring *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder *v;
	size_t n;
	if (mailbox_folders(x->now_shard, x->account.id, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (each_message(x->now_shard, x->account.id, &v[i], note_present, x, e) < 0)
			return -1;
	return 0;
}

/* ---- which ---- */

static bool contains(slice s, slice part)
{
	for (size_t i = 0; part.n && i + part.n <= s.n; i++)
		if (slice_ieq(slice_of(s.p + i, part.n), part))
			return true;
	return part.n == 0;
}

static slice sender_of(const struct summary *s, struct arena *a)
{
	struct summary_address who;
	unsigned it = 0;
	while (summary_next_address(s, 0, SUMMARY_FROM, &it, &who))
		if (who.host.p)
			return arena_printf(a, "%.*s <%.*s@%.*s>", SFMT(header_text(who.name, a)),
				SFMT(who.mailbox), SFMT(who.host));
	return S("");
}

static bool same_id(slice have, slice want)
{
	if (slice_starts(want, S("<")))
		return slice_eq(have, want);
	return have.n == want.n + 2 && slice_eq(slice_of(have.p + 1, want.n), want);
}

static bool fits(const struct restoring *x, const struct mailbox_message *m, struct arena *a)
{
	const struct criteria *w = &x->want;
	struct summary s;
	if ((w->since && m->received_at < w->since) || (w->until && m->received_at > w->until) ||
		(w->uid && m->uid != w->uid))
		return false;
	if (!w->message_id.n && !w->from.n && !w->subject.n)
		return true;
	return summary_open(m->summary, &s) &&
	       (!w->message_id.n || same_id(message_id_of(m), w->message_id)) &&
	       contains(sender_of(&s, a), w->from) &&
	       contains(summary_text(&s, 0, SUMMARY_SUBJECT_TEXT), w->subject);
}

static bool folder_fits(const struct restoring *x, slice name)
{
	slice want = x->want.folder;
	if (want.n == 0 || slice_eq(name, want) ||
		(slice_ieq(name, want) && slice_ieq(want, S("INBOX"))))
		return true;
	return x->want.below && slice_starts(name, want) && name.p[want.n] == '/';
}

/* ---- putting back ---- */

struct placing {
	struct restoring *x;
	const struct mailbox_message *m;
	slice folder;
	blob_id blob;
	uint64_t size;
};

static int deliver(struct sql *db, void *arg, struct err *e)
{
	const struct placing *p = arg;
	struct mailbox_place place;
	const struct mailbox_delivery d = {.account_id = p->x->account.id,
		.folder = p->folder,
		.blob = p->blob,
		.size = p->size,
		.prefix = p->m->prefix,
		.received_at = p->m->received_at,
		.flags = p->m->flags,
		.keywords = p->m->keywords,
		.summary = p->m->summary};
	return mailbox_deliver_tx(db, &d, &place, e);
}

static int put_back(struct restoring *x, slice folder, const struct mailbox_message *m, slice bytes,
	struct err *e)
{
	struct placing p = {.x = x, .m = m, .folder = folder};
	struct blob_writer *w = blob_begin(x->blobs);
	if (blob_add(w, bytes, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	if (blob_finish(w, &p.blob, &p.size, e) < 0)
		return -1;
	return commit_run_blob(x->commit, p.blob, deliver, &p, e);
}

static int put_aside(struct restoring *x, slice folder, const struct mailbox_message *m,
	slice bytes, struct err *e)
{
	AUTO(buf) struct buf whole = BUF(MESSAGE_MAX);
	buf_put(&whole, m->prefix);
	buf_put(&whole, bytes);
	cli_env_as_caller(&x->b->env);
	int r = cli_aside_write(x->to, x->format, folder, m, buf_slice(&whole), e);
	cli_env_as_server(&x->b->env);
	return r;
}

/* One that cannot be read is told of, and the others go on. */
static int restore_one(
	struct restoring *x, slice folder, const struct mailbox_message *m, struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(MESSAGE_MAX);
	struct err why;
	char key[KEY_MAX];
	slice known = key_of(m, key);
	if (!x->to.n && !x->again && map_get(&x->present, known)) {
		x->there++;
		return 0;
	}
	if (backup_mail_blob(x->then, m->blob, &bytes, &why) < 0) {
		if (why.kind == ERR_TEMP || why.kind == ERR_DENIED) {
			*e = why;
			return -1;
		}
		x->failed++;
		fprintf(stderr, "posthouse: %.*s/%u: %s\n", SFMT(folder), m->uid, why.text);
		return 0;
	}
	slice into = x->into.n ? x->into : folder;
	int r = x->to.n ? put_aside(x, into, m, buf_slice(&bytes), e)
			: put_back(x, into, m, buf_slice(&bytes), e);
	if (r < 0)
		return -1;
	map_put(&x->present, known, x);
	x->done++;
	return 0;
}

/* ---- listing ---- */

static void list_one(struct restoring *x, slice folder, const struct mailbox_message *m)
{
	AUTO(arena) struct arena a = {0};
	char text[OUT_TEXT];
	struct summary s;
	bool known = summary_open(m->summary, &s);
	slice from = known ? sender_of(&s, &a) : S(""),
	      subject = known ? summary_text(&s, 0, SUMMARY_SUBJECT_TEXT) : S("");
	if (x->l.json) {
		json_open_object(&x->l.j, NULL);
		json_text(&x->l.j, "folder", folder);
		json_int(&x->l.j, "uid", m->uid);
		json_time(&x->l.j, "received_at", m->received_at);
		json_int(&x->l.j, "size", (int64_t)m->size);
		json_text(&x->l.j, "from", from);
		json_text(&x->l.j, "subject", subject);
		json_text(&x->l.j, "message_id", message_id_of(m));
		json_close(&x->l.j, '}');
		return;
	}
	table_cell(x->l.table, folder);
	table_cellf(x->l.table, "%u", m->uid);
	table_cell(x->l.table, slice_z(out_time(m->received_at, text)));
	table_cell(x->l.table, slice_z(out_size(m->size, text)));
	table_cell(x->l.table, from);
	table_cell(x->l.table, subject);
}

static int count_one(struct restoring *x, const struct mailbox_folder *f,
	const struct mailbox_message *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	(void)f, (void)e;
	x->fit += fits(x, m, &a);
	return 0;
}

static int take_one(struct restoring *x, const struct mailbox_folder *f,
	const struct mailbox_message *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (!fits(x, m, &a))
		return 0;
	if (x->just_list) {
		if (x->fit++ < LISTED_MAX)
			list_one(x, f->name, m);
		return 0;
	}
	return restore_one(x, f->name, m, e);
}

static int each_folder(struct restoring *x,
	int (*fn)(struct restoring *x, const struct mailbox_folder *f,
		const struct mailbox_message *m, struct err *e),
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder *v;
	size_t n, found = 0;
	if (mailbox_folders(x->then_shard, x->then_id, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!folder_fits(x, v[i].name))
			continue;
		found++;
		if (each_message(x->then_shard, x->then_id, &v[i], fn, x, e) < 0)
			return -1;
	}
	return found || !x->want.folder.n
		       ? 0
		       : err_set(e, ERR_NOTFOUND,
				 T("no folder %.*s in the backup", "备份中没有文件夹 %.*s"),
				 SFMT(x->want.folder));
}

/* ---- opening ---- */

static int no_account(slice address, struct err *e)
{
	return err_set(e, ERR_NOTFOUND,
		T("there is no account %.*s now: `posthouse restore account` brings it back, or "
		  "restore aside (--to)",
			"现在没有帐号 %.*s：可用 posthouse restore account 恢复帐号，或用 --to "
			"恢复成文件"),
		SFMT(address));
}

static int open_now(struct restoring *x, slice address, struct err *e)
{
	struct cli_backup *b = x->b;
	struct sql *directory = cli_env_db(&b->env, DB_DIRECTORY, e);
	if (!directory)
		return -1;
	int r = directory_account(directory, address, &b->mem, &x->account, e);
	if (r < 0 && e->kind == ERR_NOTFOUND)
		r = x->may_revive
			    ? cli_revive_begin(b, x->then, address, &x->revive, &x->account.id, e)
			    : no_account(address, e);
	if (r < 0)
		return -1;
	x->now_shard = cli_env_shard(&b->env, x->account.id, e);
	if (!x->now_shard || blobs_open(b->env.config.server->data, &x->blobs, e) < 0)
		return -1;
	if (x->revive && cli_revive_folders(x->revive, x->then_shard, x->now_shard, e) < 0)
		return -1;
	x->commit = commit_new(x->now_shard, x->blobs);
	return x->again ? 0 : note_all_present(x, e);
}

static int open_then(struct restoring *x, slice address, struct err *e)
{
	struct cli_backup *b = x->b;
	struct backup_generation g;
	struct sql *directory = NULL;
	struct account account;
	if (cli_backup_find(b, cli_option_text(x->c, "backup"), &g, e) < 0 ||
		backup_content_open(b->repo, g.name, &x->content, e) < 0)
		return -1;
	slice work = arena_printf(
		&b->mem, "%.*s/backup/work-%d", SFMT(b->env.config.server->data), (int)getpid());
	const char *parent = arena_strz(
		&b->mem, arena_printf(&b->mem, "%.*s/backup", SFMT(b->env.config.server->data)));
	mkdir(parent, 0700); /* without one the next step says so */
	if (backup_mail_open(b->repo, x->content, work, &x->then, e) < 0 ||
		backup_mail_db(x->then, "directory", &directory, e) < 0)
		return -1;
	int r = directory_account(directory, address, &b->mem, &account, e);
	sql_close(directory);
	if (r < 0)
		return e->kind == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND,
							 T("no account %.*s in this backup",
								 "此备份中没有帐号 %.*s"),
							 SFMT(address))
					       : -1;
	x->then_id = account.id;
	return backup_mail_db(
		x->then, mailbox_db_name(mailbox_shard(account.id)), &x->then_shard, e);
}

static void close_all(struct restoring *x)
{
	if (x->done && !x->to.n)
		cli_box_tell(&x->b->env, x->account.id);
	if (x->commit)
		commit_free(x->commit);
	blobs_close(x->blobs);
	cli_revive_free(x->revive);
	sql_close(x->now_shard);
	sql_close(x->then_shard);
	backup_mail_close(x->then);
	backup_content_close(x->content);
	map_done(&x->present);
}

/* ---- the commands ---- */

static int tell(struct restoring *x)
{
	if (x->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "restored", (int64_t)x->done);
		json_int(&j, "present", (int64_t)x->there);
		json_int(&j, "unreadable", (int64_t)x->failed);
		if (x->revive)
			cli_revive_tell(x->revive, &j);
		json_end(&j);
	} else {
		if (x->revive)
			cli_revive_tell(x->revive, NULL);
		printf(T("%" PRIu64 " messages restored, %" PRIu64 " were there still.\n",
			       "已恢复 %" PRIu64 " 封邮件，另有 %" PRIu64 " 封仍在邮箱中。\n"),
			x->done, x->there);
	}
	if (x->failed)
		fprintf(stderr,
			T("posthouse: %" PRIu64 " messages of the backup cannot be read\n",
				"posthouse: 备份中有 %" PRIu64 " 封邮件无法读取\n"),
			x->failed);
	return x->failed ? CLI_FAILED : x->done + x->there || x->revive ? CLI_OK : CLI_NOTHING;
}

static int list_them(struct restoring *x, struct err *e)
{
	const char *const heads[] = {T("FOLDER", "文件夹"), T(">UID", ">UID"),
		T("RECEIVED", "接收时间"), T(">SIZE", ">大小"), T("FROM", "发件人"),
		T("SUBJECT", "主题")};
	x->just_list = true;
	listing_begin(&x->l, x->json, "messages", heads, 6);
	int r = each_folder(x, take_one, e);
	listing_end_rows(&x->l);
	listing_end(&x->l);
	if (r == 0 && x->fit > LISTED_MAX)
		fprintf(stderr,
			T("posthouse: %" PRIu64 " fit, the first %d are shown\n",
				"posthouse: 共 %" PRIu64 " 封符合，显示前 %d 封\n"),
			x->fit, LISTED_MAX);
	return r < 0 ? out_fail(e) : x->fit ? CLI_OK : CLI_NOTHING;
}

static int work(struct restoring *x, bool one, struct err *e)
{
	if (open_then(x, cli_arg(x->c, 0), e) < 0)
		return out_fail(e);
	if (one && cli_flag(x->c, "list"))
		return list_them(x, e);
	if (one && !cli_flag(x->c, "all")) {
		if (each_folder(x, count_one, e) < 0)
			return out_fail(e);
		if (x->fit != 1)
			return out_usage(
				T("%" PRIu64 " messages fit: --list shows them, --all takes all",
					"有 %" PRIu64 " 封邮件符合：--list 列出，--all 全部恢复"),
				x->fit);
	}
	if (!x->to.n && open_now(x, cli_arg(x->c, 0), e) < 0)
		return out_fail(e);
	int r = each_folder(x, take_one, e);
	if (r == 0 && x->revive)
		r = cli_revive_end(x->revive, x->then_shard, x->now_shard, e);
	return r < 0 ? out_fail(e) : tell(x);
}

static int read_criteria(struct cli_call *c, struct criteria *w)
{
	w->folder = cli_option_text(c, "folder");
	w->message_id = cli_option_text(c, "message-id");
	w->from = cli_option_text(c, "from");
	w->subject = cli_option_text(c, "subject");
	if (cli_option(c, "uid") && (!slice_u64(cli_option_text(c, "uid"), &w->uid) || w->uid == 0))
		return out_usage("%s", T("--uid: a number", "--uid：须为数字"));
	int code = cli_time_option(c, "since", &w->since);
	return code == CLI_OK ? cli_time_option(c, "until", &w->until) : code;
}

static int read_options(struct restoring *x)
{
	struct cli_call *c = x->c;
	x->to = cli_option_text(c, "to");
	x->into = cli_option_text(c, "into");
	x->again = cli_flag(c, "again");
	x->json = c->cli->json;
	if (cli_option(c, "format") && !cli_aside_format(cli_option_text(c, "format"), &x->format))
		return out_usage("%s",
			T("--format: eml, mbox or maildir", "--format：eml、mbox 或 maildir"));
	if (cli_option(c, "format") && !x->to.n)
		return out_usage("%s", T("--format goes with --to", "--format 须与 --to 一起使用"));
	return CLI_OK;
}

static int restore(struct cli_call *c, const struct criteria *want, bool one, bool may_revive)
{
	AUTO(cli_backup) struct cli_backup b = {0};
	struct restoring x = {.b = &b, .c = c, .want = *want, .may_revive = may_revive};
	struct err e;
	int code = read_options(&x);
	if (code != CLI_OK || cli_backup_open(c, NEEDS_STORE | NEEDS_KEY, &b, &code) < 0)
		return code;
	code = work(&x, one, &e);
	close_all(&x);
	return code;
}

int cli_restore_account(struct cli_call *c)
{
	const struct criteria want = {.below = true};
	return restore(c, &want, false, !cli_flag(c, "mail-only"));
}

int cli_restore_folder(struct cli_call *c)
{
	const struct criteria want = {.folder = cli_arg(c, 1), .below = true};
	return restore(c, &want, false, false);
}

int cli_restore_message(struct cli_call *c)
{
	struct criteria want = {0};
	int code = read_criteria(c, &want);
	return code == CLI_OK ? restore(c, &want, true, false) : code;
}
