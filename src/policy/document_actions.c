/*
 * What a policy does: the words of `do` and the keys with texts and addresses. What does not go
 * together is told by document_check.c. Called by document.c for each [policy].
 */
#include "codec/address.h"
#include "policy/policy_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { NEVER = 2, REJECT_CODE = 550, DEFER_CODE = 451 };

/* ---- words of `do` ---- */

static const struct ending {
	const char *name;
	enum policy_end end;
} endings[] = {
	{"deliver", POLICY_DELIVER},
	{"junk", POLICY_JUNK},
	{"quarantine", POLICY_QUARANTINE},
	{"approve", POLICY_APPROVE},
	{"reject", POLICY_REJECT},
	{"bounce", POLICY_BOUNCE},
	{"discard", POLICY_DISCARD},
	{"forward", POLICY_FORWARD},
	{"defer", POLICY_DEFER},
};

const char *policy_end_name(enum policy_end e)
{
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (endings[i].end == e)
			return endings[i].name;
	return "deliver";
}

static void end_as(struct policy_reading *rd, enum policy_end end)
{
	struct policy_does *d = &rd->p->does;
	if (d->ends)
		policy_wrong(rd, "do", "do: %s and %s: a letter ends in one way",
			"do：%s 与 %s 冲突：一封邮件只能有一种结果", policy_end_name(d->end),
			policy_end_name(end));
	d->ends = true;
	d->end = end;
}

static void quarantine_as(struct policy_reading *rd, slice class)
{
	end_as(rd, POLICY_QUARANTINE);
	rd->p->does.classed = true;
	if (!quarantine_class_parse(class, &rd->p->does.class) ||
		rd->p->does.class == QUARANTINE_APPROVAL)
		policy_wrong(rd, "do",
			"do: quarantine:%.*s: the classes are spam bulk suspicious phishing "
			"high-phishing virus policy unexamined",
			"do：quarantine:%.*s：可用的类别有 spam bulk suspicious phishing "
			"high-phishing virus policy unexamined",
			SFMT(class));
}

static bool read_flag(struct policy_does *d, slice word)
{
	const struct flag {
		const char *name;
		bool *at;
	} flags[] = {
		{"mark", &d->mark},
		{"clean", &d->clean},
		{"tell_sender", &d->tell_sender},
		{"tell_recipient", &d->tell_rcpt},
		{"keep_copy", &d->keep_copy},
		{"continue", &d->go_on},
	};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (slice_eq(word, slice_z(flags[i].name))) {
			*flags[i].at = true;
			return true;
		}
	if (!slice_eq(word, S("strip")) && !slice_eq(word, S("strip:matched")) &&
		!slice_eq(word, S("strip:all")))
		return false;
	d->strip = slice_eq(word, S("strip:all")) ? POLICY_STRIP_ALL : POLICY_STRIP_MATCHED;
	return true;
}

static void read_do(struct policy_reading *rd, slice word)
{
	static const slice held_as = S_INIT("quarantine:");
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (slice_eq(word, slice_z(endings[i].name))) {
			end_as(rd, endings[i].end);
			return;
		}
	if (slice_starts(word, held_as))
		quarantine_as(rd, slice_skip(word, held_as.n));
	else if (!read_flag(&rd->p->does, word))
		policy_wrong(rd, "do",
			"do: '%.*s' is none of: deliver junk quarantine[:CLASS] approve reject "
			"bounce discard forward defer mark strip[:all] clean keep_copy tell_sender "
			"tell_recipient continue",
			"do：“%.*s”不在可用的词中：deliver junk quarantine[:类别] approve reject "
			"bounce discard forward defer mark strip[:all] clean keep_copy tell_sender "
			"tell_recipient continue",
			SFMT(word));
}

/* ---- addresses and fields ---- */

static bool is_there(const struct policy_slices *l, slice s)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_ieq(l->v[i], s))
			return true;
	return false;
}

static void read_addresses(struct policy_reading *rd, const char *key,
	const struct conf_list *words, struct policy_slices *ret)
{
	struct address parsed;
	if (words->n > POLICY_ADDRESSES_MAX) {
		policy_wrong(rd, key, "%s: more than %d addresses", "%s：超过 %d 个地址", key,
			POLICY_ADDRESSES_MAX);
		return;
	}
	for (size_t i = 0; i < words->n; i++)
		if (address_parse(words->v[i], true, &parsed) != ADDRESS_FINE ||
			parsed.domain.n == 0)
			policy_wrong(rd, key, "%s: '%.*s' is no mail address",
				"%s：“%.*s”不是邮件地址", key, SFMT(words->v[i]));
		else if (!is_there(ret, words->v[i]))
			policy_slices_add(ret, words->v[i], &rd->set->mem);
}

/* Fields that say how the letter is to be read, and whose they are, belong to the letter. */
static bool is_taken(slice name)
{
	static const char *const taken[] = {"from", "sender", "to", "cc", "bcc", "subject", "date",
		"message-id", "mime-version", "received", "return-path", "authentication-results",
		"dkim-signature", "reply-to", "references", "in-reply-to", NULL};
	for (size_t i = 0; taken[i]; i++)
		if (slice_ieq(name, slice_z(taken[i])))
			return true;
	return slice_istarts(name, S("content-")) || slice_istarts(name, S("arc-")) ||
	       slice_istarts(name, S("resent-")) || slice_istarts(name, S("x-spam-"));
}

static bool is_field_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == ':')
			return false;
	return s.n > 0 && s.n <= 70;
}

static void read_fields(struct policy_reading *rd)
{
	enum { FIELDS_MAX = 20, FIELD_MAX = 500 };
	const struct conf_list *words = &rd->c->add_field;
	if (words->n > FIELDS_MAX)
		policy_wrong(rd, "add_field", "add_field: more than %d fields",
			"add_field：超过 %d 个字段", FIELDS_MAX);
	for (size_t i = 0; i < words->n && i < FIELDS_MAX; i++) {
		slice word = words->v[i], name, value = word;
		slice_cut(&value, ':', &name);
		if (!value.p || !is_field_name(name) || slice_trim(value).n == 0 ||
			word.n > FIELD_MAX)
			policy_wrong(rd, "add_field",
				"add_field: '%.*s' is not written \"Name: value\" (with quotes)",
				"add_field：“%.*s”应写作 \"字段名: 值\"（带引号）", SFMT(word));
		else if (is_taken(name))
			policy_wrong(rd, "add_field", "add_field: %.*s belongs to the letter",
				"add_field：%.*s 是邮件自身的字段，不能添加", SFMT(name));
		else
			policy_slices_add(&rd->p->does.fields,
				arena_printf(&rd->set->mem, "%.*s: %.*s", SFMT(name),
					SFMT(slice_trim(value))),
				&rd->set->mem);
	}
}

/* ---- texts ---- */

static slice limited(struct policy_reading *rd, const char *key, slice text, size_t most)
{
	if (text.n > most)
		policy_wrong(rd, key, "%s: longer than %zu bytes", "%s：超过 %zu 字节", key, most);
	return text;
}

static void read_texts(struct policy_reading *rd)
{
	const struct policy_entry *c = rd->c;
	struct policy_does *d = &rd->p->does;
	d->banner.zh = limited(rd, "banner_zh", c->banner_zh, POLICY_TEXT_MAX);
	d->banner.en = limited(rd, "banner_en", c->banner_en, POLICY_TEXT_MAX);
	d->disclaimer.zh = limited(rd, "disclaimer_zh", c->disclaimer_zh, POLICY_TEXT_MAX);
	d->disclaimer.en = limited(rd, "disclaimer_en", c->disclaimer_en, POLICY_TEXT_MAX);
	d->notice.zh = limited(rd, "notice_zh", c->notice_zh, POLICY_TEXT_MAX);
	d->notice.en = limited(rd, "notice_en", c->notice_en, POLICY_TEXT_MAX);
	d->subject_tag = limited(rd, "subject_tag", c->subject_tag, POLICY_TAG_MAX);
}

/* ---- replies ---- */

/* "5.7.1": of the same kind as the code. */
static bool fits(slice status, int code)
{
	slice a, b, rest = status;
	uint64_t class, subject, detail;
	return slice_cut(&rest, '.', &a) && slice_cut(&rest, '.', &b) && slice_u64(a, &class) &&
	       slice_u64(b, &subject) && slice_u64(rest, &detail) && (int)class == code / 100 &&
	       subject <= 999 && detail <= 999;
}

/* What the sender is told, or those who are told that it waits. */
static void read_text(struct policy_reading *rd)
{
	struct policy_does *d = &rd->p->does;
	bool replied = d->end == POLICY_REJECT || d->end == POLICY_DEFER || d->end == POLICY_BOUNCE;
	d->reply = limited(rd, "text", rd->c->text, POLICY_REPLY_MAX);
	for (size_t i = 0; replied && i < d->reply.n; i++)
		if ((unsigned char)d->reply.p[i] >= 0x80) {
			policy_wrong(rd, "text", "text: replies of SMTP are ASCII",
				"text：SMTP 应答只能使用 ASCII 字符");
			return;
		}
}

static void read_reply(struct policy_reading *rd)
{
	const struct policy_entry *c = rd->c;
	struct policy_does *d = &rd->p->does;
	bool later = d->end == POLICY_DEFER;
	d->code = policy_says(rd, "code") ? (int)c->code : later ? DEFER_CODE : REJECT_CODE;
	if (d->code < (later ? 450 : 550) || d->code > (later ? 459 : 559))
		policy_wrong(rd, "code", "code: %d: a %s has 550 to 559, a %s 450 to 459",
			"code：%d：%s 的应答码为 550 到 559，%s 为 450 到 459", d->code, "reject",
			"defer");
	d->status = policy_says(rd, "status") ? c->status : later ? S("4.7.1") : S("5.7.1");
	if (!fits(d->status, d->code))
		policy_wrong(rd, "status", "status: '%.*s' does not fit the code %d",
			"status：“%.*s”与应答码 %d 不符", SFMT(d->status), d->code);
}

/* ---- what is judged from here on ---- */

static double read_line(struct policy_reading *rd, const char *key, slice text)
{
	char *end;
	if (!policy_says(rd, key))
		return -1;
	rd->p->does.own_thresholds = true;
	double v = strtod(text.p, &end);
	if (text.n && end == text.p + text.n && v >= 0 && v <= 1)
		return v > 0 ? v : NEVER;
	policy_wrong(rd, key, "%s: '%.*s' is no number from 0 to 1",
		"%s：“%.*s”不是 0 到 1 之间的数", key, SFMT(text));
	return NEVER;
}

static void read_judgement(struct policy_reading *rd)
{
	const struct policy_entry *c = rd->c;
	struct policy_does *d = &rd->p->does;
	d->mark_from = read_line(rd, "mark_from", c->mark_from);
	d->junk_from = read_line(rd, "junk_from", c->junk_from);
	d->quarantine_from = read_line(rd, "quarantine_from", c->quarantine_from);
	d->reject_from = read_line(rd, "reject_from", c->reject_from);
	policy_read_words(rd, "without", &c->without, policy_word_without, &d->without);
	for (size_t i = 0; i < d->without.n; i++)
		if (d->without.v[i].not )
			policy_wrong(rd, "without", "without: nothing can be left in by '!'",
				"without：不能使用“!”");
}

void policy_read_actions(struct policy_reading *rd)
{
	const struct policy_entry *c = rd->c;
	struct policy_does *d = &rd->p->does;
	for (size_t i = 0; i < c->does.n; i++)
		read_do(rd, c->does.v[i]);
	read_addresses(rd, "approvers", &c->approvers, &d->approvers);
	read_addresses(rd, "forward_to", &c->forward_to, &d->forwards);
	read_addresses(rd, "copy_to", &c->copy_to, &d->copies);
	read_addresses(rd, "supervise_to", &c->supervise_to, &d->supervisors);
	read_fields(rd);
	read_texts(rd);
	d->delay = c->delay;
	if (d->ends &&
		(d->end == POLICY_REJECT || d->end == POLICY_DEFER || d->end == POLICY_BOUNCE))
		read_reply(rd);
	read_text(rd);
	read_judgement(rd);
	rd->p->wants_files = d->strip == POLICY_STRIP_MATCHED;
	if (conf_sound(rd->r->conf, &policy_section, rd->i))
		policy_check_actions(rd);
}
