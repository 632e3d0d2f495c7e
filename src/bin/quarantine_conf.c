/*
 * The keys of [quarantine] and [quarantine "CLASS"] (quarantine_conf.h). What can never be permitted to recipients is
 * a rule of the program: mail with a virus, mail that nobody could examine, phishing that is certain and
 * mail that waits for somebody's approval are not let out by those whom they are meant for.
 */
#include "bin/quarantine_conf.h"

#include "base/time.h"
#include "bin/quarantine_act.h"

#define LET_OUT (QUARANTINE_RELEASE | QUARANTINE_ALLOW | QUARANTINE_DOWNLOAD)
#define EVERYTHING                                                                                 \
	(QUARANTINE_PREVIEW | QUARANTINE_HEADERS | QUARANTINE_RELEASE | QUARANTINE_ALLOW |         \
		QUARANTINE_BLOCK | QUARANTINE_DELETE | QUARANTINE_DOWNLOAD)
#define LOOK_AND_ASK (QUARANTINE_PREVIEW | QUARANTINE_HEADERS | QUARANTINE_ASK | QUARANTINE_DELETE)

static const struct {
	const char *name;
	unsigned bit;
} verbs[] = {
	{"preview", QUARANTINE_PREVIEW},
	{"release", QUARANTINE_RELEASE},
	{"allow", QUARANTINE_ALLOW},
	{"block", QUARANTINE_BLOCK},
	{"delete", QUARANTINE_DELETE},
	{"ask", QUARANTINE_ASK},
	{"download", QUARANTINE_DOWNLOAD},
	{"headers", QUARANTINE_HEADERS},
};

static const struct {
	unsigned usual, never;
} of_class[QUARANTINE_CLASSES] = {
	[QUARANTINE_NONE] = {LOOK_AND_ASK, 0},
	[QUARANTINE_SPAM] = {EVERYTHING, 0},
	[QUARANTINE_BULK] = {EVERYTHING, 0},
	[QUARANTINE_SUSPICIOUS] = {EVERYTHING & ~QUARANTINE_DOWNLOAD, 0},
	[QUARANTINE_PHISHING] = {LOOK_AND_ASK, 0},
	[QUARANTINE_PHISHING_SURE] = {LOOK_AND_ASK, LET_OUT},
	[QUARANTINE_VIRUS] = {QUARANTINE_HEADERS | QUARANTINE_DELETE, LET_OUT},
	[QUARANTINE_POLICY] = {LOOK_AND_ASK, 0},
	[QUARANTINE_APPROVAL] = {0, LET_OUT},
	[QUARANTINE_UNEXAMINED] = {QUARANTINE_HEADERS | QUARANTINE_ASK | QUARANTINE_DELETE,
		LET_OUT},
};

static bool verb_of(slice word, unsigned *ret)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (slice_ieq(word, slice_z(verbs[i].name))) {
			*ret = verbs[i].bit;
			return true;
		}
	return false;
}

static void check_class(const void *value, slice instance, struct conf_check *c)
{
	const struct quarantine_class_conf *v = value;
	enum quarantine_class class = QUARANTINE_NONE;
	unsigned bit;
	if (!quarantine_class_parse(instance, &class) || class == QUARANTINE_NONE)
		conf_complain(c, "may",
			"the classes are spam, bulk, suspicious, phishing, high-phishing, virus, "
			"policy, approval and unexamined",
			"类别为 spam、bulk、suspicious、phishing、high-phishing、virus、policy、"
			"approval 和 unexamined");
	for (size_t i = 0; i < v->may.n; i++) {
		slice word = v->may.v[i];
		if (slice_ieq(word, S("none")) || slice_ieq(word, S("usual")))
			continue;
		if (!verb_of(word, &bit))
			conf_complain(c, "may",
				"is made of preview, headers, release, allow, block, delete, ask, "
				"download; or is usual, or none",
				"由 preview、headers、release、allow、block、delete、ask、download "
				"组成，或为 usual 或 none");
		else if (of_class[class].never & bit)
			conf_complain(c, "may",
				"release, allow and download cannot be permitted to recipients in "
				"this class; ask can",
				"此类邮件不能允许收件人自行 release、allow 或 download；可以允许 "
				"ask");
	}
}

#define T struct quarantine_section_conf
static const struct conf_key quarantine_keys[] = {
	CONF_KEY_DURATION(T, keep, "30d", HOUR, 3650 * DAY,
		"How long held mail is kept; a class may have its own time.",
		"扣留的邮件保留多久；各类别可另行设置。"),
	CONF_KEY_DURATION(T, keep_rejected, "14d", HOUR, 3650 * DAY,
		"The same for copies of mail that was refused.", "已拒收邮件的副本保留多久。"),
	CONF_KEY_DURATION(T, keep_originals, "30d", HOUR, 3650 * DAY,
		"The same for originals of mail that was delivered in a changed form.",
		"改动后投递的邮件，其原件保留多久。"),
	CONF_KEY_DURATION(T, keep_deeds, "30d", HOUR, 3650 * DAY,
		"So long a numbered operation can be taken back (posthouse quarantine undo).",
		"带编号的批量操作在此期间可以撤销（posthouse quarantine undo）。"),
	CONF_KEY_SIZE(T, max_size, "0", 0, 1LL << 50,
		"More bytes of messages are not kept; 0: no limit. Above it the mail that is worth "
		"least "
		"leaves early: delivered mail and originals, then refused mail, bulk mail, spam, "
		"suspicious mail, phishing, viruses, mail that could not be examined, mail held by "
		"policies, "
		"the oldest first. What waits for approval stays.",
		"保留邮件的总大小上限；0：不限。超出时价值最低的先提前离开：已投递邮件和原件，然后"
		"是拒收副本、群发邮件、垃圾邮件、可疑邮件、钓鱼邮件、病毒邮件、无法检查的邮件、"
		"按策略扣留的邮件，同类中旧的在先。等待审批的邮件不受影响。"),
	CONF_KEY_INT(T, max_messages, "0", 0, 1000000000, "The same for the number of messages.",
		"保留邮件的封数上限，同上。"),
	CONF_KEY_BOOL(T, allow_senders, "yes",
		"Recipients may put senders on their own allow and block lists from the digest.",
		"收件人可以从隔离区提醒邮件中把发件人加入自己的白名单和黑名单。"),
	CONF_KEY_BOOL(T, teach, "yes",
		"What recipients release or block teaches the filter ([learning] says how much).",
		"收件人的放行和拉黑操作供过滤器学习（权重见 [learning]）。"),
	CONF_END};
#undef T
const struct conf_section quarantine_section = {.name = "quarantine",
	.keys = quarantine_keys,
	.size = sizeof(struct quarantine_section_conf),
	.doc_en = "Mail that is kept instead of being delivered, and copies.",
	.doc_zh = "隔离区：扣留而未投递的邮件，以及副本。"};

#define T struct quarantine_class_conf
static const struct conf_key class_keys[] = {
	CONF_KEY_DURATION(T, keep, "0", 0, 3650 * DAY,
		"How long held mail of this class is kept; 0: as [quarantine] says.",
		"此类邮件保留多久；0：同 [quarantine]。"),
	CONF_KEY_LIST(T, may, "usual",
		"What recipients may do with it: preview, headers, release, allow (release, and "
		"allow the sender), block (delete, and block the sender), delete, ask (for "
		"release), "
		"download; none: nothing. usual: everything for spam and bulk; that without "
		"download for suspicious; preview, headers, ask, delete for phishing, "
		"high-phishing and policy; headers, delete for virus; headers, ask, delete for "
		"unexamined; nothing for approval. In virus, unexamined, high-phishing and "
		"approval, release, allow and download cannot be permitted.",
		"收件人可对此类邮件做什么：preview 预览，headers 查看邮件头，release 放行，"
		"allow 放行并信任发件人，block 删除并拉黑发件人，delete 删除，ask 请求放行，"
		"download 下载；none：什么都不能做。usual：spam 和 bulk 全部允许；suspicious 不含 "
		"download；phishing、high-phishing 和 policy 为 preview、headers、ask、delete；"
		"virus 为 headers、delete；unexamined 为 headers、ask、delete；approval 无。"
		"virus、unexamined、high-phishing 和 approval 不能允许 release、allow 和 "
		"download。"),
	CONF_END};
#undef T
const struct conf_section quarantine_class_section = {.name = "quarantine",
	.keys = class_keys,
	.size = sizeof(struct quarantine_class_conf),
	.named = true,
	.doc_en = "One class of held mail: [quarantine \"spam\"]; the others are bulk, suspicious, "
		  "phishing, high-phishing, virus, policy, approval, unexamined.",
	.doc_zh = "某一类被扣留的邮件，如 [quarantine \"spam\"]；其他类别为 bulk、suspicious、"
		  "phishing、high-phishing、virus、policy、approval、unexamined。",
	.check = check_class};

/* ---- what follows ---- */

static unsigned read_may(const struct conf_list *l, enum quarantine_class class)
{
	unsigned all = 0, bit;
	for (size_t i = 0; i < l->n; i++)
		if (slice_ieq(l->v[i], S("usual")))
			all |= of_class[class].usual;
		else if (verb_of(l->v[i], &bit))
			all |= bit;
	return all & ~of_class[class].never;
}

void quarantine_conf_read(const struct conf *c, struct quarantine_conf *ret)
{
	const struct quarantine_section_conf *q = conf_get(c, &quarantine_section);
	*ret = (struct quarantine_conf){
		.keep_rejected = q->keep_rejected,
		.keep_originals = q->keep_originals,
		.keep_deeds = q->keep_deeds,
		.max_size = q->max_size,
		.max_messages = q->max_messages,
		.allow_senders = q->allow_senders,
		.teach = q->teach,
	};
	for (int i = 0; i < QUARANTINE_CLASSES; i++) {
		slice name = slice_z(quarantine_class_name((enum quarantine_class)i));
		const struct quarantine_class_conf *v =
			conf_named(c, &quarantine_class_section, name);
		ret->keep[i] = v && v->keep ? v->keep : q->keep;
		ret->may[i] = v ? read_may(&v->may, (enum quarantine_class)i)
				: of_class[i].usual & ~of_class[i].never;
	}
}

int64_t quarantine_expires_at(const struct quarantine_conf *c, enum quarantine_kind kind,
	enum quarantine_class class, int64_t now)
{
	switch (kind) {
	case QUARANTINE_HELD:
		return now + c->keep[class < QUARANTINE_CLASSES ? class : QUARANTINE_NONE];
	case QUARANTINE_REJECTED:
		return now + c->keep_rejected;
	case QUARANTINE_ORIGINAL:
		return now + c->keep_originals;
	case QUARANTINE_RECENT:
		break;
	}
	return now + c->keep[QUARANTINE_NONE];
}
