/*
 * Which folder a file stands for, by its path within the source (import_file.h): Maildirs and their folders ("A/cur/1.host", ".Work.2026/cur/1.host"), letters
 * in directories ("Work/1.eml"), mbox files ("Work.mbox", Thunderbird's "Work.sbd/2026", Apple's "Work.mbox/mbox"). Paths of archives come here, too:
 * nothing is ever opened by what this returns.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/maildir.h"
#include "mail/import_file_impl.h"

static slice last_level(slice path, slice *ret_before)
{
	size_t at = slice_rindex(path, '/');
	*ret_before = at < path.n ? slice_first(path, at) : S("");
	return at < path.n ? slice_skip(path, at + 1) : path;
}

static slice without_ending(slice level)
{
	static const slice endings[] = {S_INIT(".mbox"), S_INIT(".sbd"), S_INIT(".mbx")};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (slice_iends(level, endings[i]) && level.n > endings[i].n)
			return slice_first(level, level.n - endings[i].n);
	return level;
}

/* In archives: they lead nowhere here. */
static bool is_dots(slice level)
{
	return slice_eq(level, S(".")) || slice_eq(level, S(".."));
}

/* Levels of directories as levels of a folder. */
static void put_folder(struct buf *out, slice dir, char separator, struct arena *a)
{
	slice level;
	while (slice_cut(&dir, '/', &level)) {
		if (!level.n || is_dots(level))
			continue;
		if (out->n)
			buf_byte(out, '/');
		if (level.p[0] == '.')
			buf_put(out, maildir_folder(slice_skip(level, 1), separator, a));
		else
			utf8_scrub(out, without_ending(level));
	}
}

static slice or_inbox(struct buf *out, struct arena *a)
{
	return out->n ? arena_dup(a, buf_slice(out)) : S("INBOX");
}

slice import_place_folder(slice dir, char separator, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	put_folder(&out, dir, separator, a);
	return or_inbox(&out, a);
}

static bool is_hidden(slice path)
{
	slice level;
	while (slice_cut(&path, '/', &level))
		if (level.n && level.p[0] == '.' && !is_dots(level))
			return true;
	return false;
}

static slice box_name(slice dir)
{
	return dir.n ? dir : S(".");
}

static bool in_maildir(slice dir, slice *ret_base, bool *ret_new)
{
	slice last = last_level(dir, ret_base);
	*ret_new = slice_eq(last, S("new"));
	return *ret_new || slice_eq(last, S("cur"));
}

static void place_mbox(
	slice name, slice dir, slice file, char separator, struct arena *a, struct place *p)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	bool plain = slice_ieq(file, S("mbox")) || slice_ieq(file, S("mbox.mbox"));
	put_folder(&out, dir, separator, a);
	if (!plain) {
		if (out.n)
			buf_byte(&out, '/');
		utf8_scrub(&out, without_ending(file));
	}
	p->kind = PLACE_OTHER;
	p->box = name;
	p->path = slice_ieq(buf_slice(&out), S("inbox")) ? S("INBOX") : or_inbox(&out, a);
}

void import_place(slice name, char separator, struct arena *a, struct place *ret)
{
	slice dir, base;
	while (slice_starts(name, S("./")) || slice_starts(name, S("/")))
		name = slice_skip(name, slice_index(name, '/') + 1);
	*ret = (struct place){.file = last_level(name, &dir)};
	if (!ret->file.n)
		return;
	if (in_maildir(dir, &base, &ret->is_new)) {
		ret->kind = ret->file.p[0] == '.' ? PLACE_NONE : PLACE_MAILDIR;
		dir = base;
	} else if (slice_eq(ret->file, S(IMPORT_FOLDERS_CSV))) {
		ret->kind = PLACE_FOLDERS;
	} else if (slice_eq(ret->file, S(IMPORT_MESSAGES_CSV))) {
		ret->kind = PLACE_MESSAGES;
	} else if (slice_eq(ret->file, S("dovecot-keywords"))) {
		ret->kind = PLACE_WORDS;
	} else if (slice_eq(ret->file, S("subscriptions"))) {
		ret->kind = PLACE_SUBSCRIPTIONS;
	} else if (is_hidden(name)) {
		return;
	} else if (slice_iends(ret->file, S(".eml"))) {
		ret->kind = PLACE_EML;
	} else {
		place_mbox(name, dir, ret->file, separator, a, ret);
		return;
	}
	ret->box = box_name(dir);
	ret->path = import_place_folder(dir, separator, a);
}

enum mailbox_use import_place_use(slice path)
{
	static const struct {
		const char *name;
		enum mailbox_use use;
	} names[] = {{"Drafts", MAILBOX_USE_DRAFTS}, {"草稿箱", MAILBOX_USE_DRAFTS},
		{"Sent", MAILBOX_USE_SENT}, {"Sent Items", MAILBOX_USE_SENT},
		{"Sent Messages", MAILBOX_USE_SENT}, {"已发送", MAILBOX_USE_SENT},
		{"已发送邮件", MAILBOX_USE_SENT}, {"Trash", MAILBOX_USE_TRASH},
		{"Deleted Items", MAILBOX_USE_TRASH}, {"Deleted Messages", MAILBOX_USE_TRASH},
		{"已删除邮件", MAILBOX_USE_TRASH}, {"已删除", MAILBOX_USE_TRASH},
		{"Junk", MAILBOX_USE_JUNK}, {"Spam", MAILBOX_USE_JUNK},
		{"Junk E-mail", MAILBOX_USE_JUNK}, {"Junk Email", MAILBOX_USE_JUNK},
		{"垃圾邮件", MAILBOX_USE_JUNK}, {"Archive", MAILBOX_USE_ARCHIVE},
		{"Archives", MAILBOX_USE_ARCHIVE}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(path, slice_z(names[i].name)))
			return names[i].use;
	return MAILBOX_USE_NONE;
}
